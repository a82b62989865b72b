"""Whatever of a configuration is printed, dumped or quoted by accident, no secret in it shows."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from adapters.channels import webhook
from adapters.channels.registry import channels, types_of
from adapters.channels.registry import settings_of as settings_of_channel
from adapters.registry import platforms, settings_of
from connector.cli.schema import config_schema
from connector.config import ConfigKeys, MetricsKeys, StoreKeys, load_config
from connector.loading import Loaded, load
from connector.opening import open_client
from connector.protection_keys import BrandKeys
from rules.document import Problem, parse
from tests.conftest import MONDAY

CHANNELS = [(channel, kind) for channel in channels() for kind in types_of(channel)]
MODELS: list[type[BaseModel]] = [
    ConfigKeys,
    StoreKeys,
    MetricsKeys,
    BrandKeys,
    webhook.Settings,
    *(settings_of(platform) for platform in platforms()),
    *(settings_of_channel(*channel) for channel in CHANNELS),
]

# Every secret, and every address of a person, that a configuration can hold: each has `marked` in it.
FULL = """
version: 1
database: postgresql+psycopg://shop:marked-database@db.example.com/shop
mode: redirect
redirect_to: tgram://marked-redirect/1
staff: [ "tgram://marked-staff/1", "mailtos://shop:marked-mailbox@mail.example.com" ]
heartbeat: https://beat.example.com/marked-heartbeat
webhook_secret: marked-webhook-0123456789
stores:
  - id: tea
    platform: woocommerce
    url: https://tea.example.com
    consumer_key: ck_marked-key
    consumer_secret: cs_marked-secret
  - { id: mugs, platform: shopify, url: https://mugs.myshopify.com, access_token: shpat_marked-token }
  - id: cups
    platform: shopify
    url: https://cups.myshopify.com
    client_id: marked-client
    client_secret: shpss_marked-client
channels:
  CHANNEL
"""
CHANNEL_OF = {
    ("email", "smtp"): '{ type: smtp, url: "smtps://shop:marked-smtp@mail.example.com", from: tal@tea.example.com }',
    ("sms", "twilio"): f"{{ type: twilio, account_sid: AC{'0' * 32}, auth_token: marked-twilio, from: Tea }}",
    ("sms", "http"): """
      type: http
      url: https://gateway.example.com/send?key=marked-in-url
      headers: { Authorization: Bearer marked-header }
      fields: { to: "{{ to }}", text: "{{ text }}", password: marked-field }
      success: { status: 200 }
    """.rstrip(),
    ("whatsapp", "cloud"): (
        '{ type: cloud, phone_number_id: "1055501234", access_token: marked-whatsapp, api_version: v23.0 }'
    ),
}
RULES = "version: 1\nrules:\n  - { id: hello, trigger: order.placed, actions: [ { add_note: Hello } ] }\n"


def configured(folder: Path, channel: tuple[str, str]) -> str:
    """A shop's folder with every secret there is; gives the config's text."""
    (folder / "rules").mkdir()
    (folder / "rules" / "rules.yaml").write_text(RULES)
    text = FULL.replace("CHANNEL", f"{channel[0]}: {CHANNEL_OF[channel]}")
    (folder / "config.yaml").write_text(text)
    return text


@pytest.fixture(params=CHANNELS, ids="_".join)
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> Loaded:
    configured(tmp_path, request.param)
    found = load(tmp_path / "config.yaml", {})
    assert isinstance(found, Loaded), "\n".join(map(str, found))
    return found


def test_every_kind_of_channel_is_tried() -> None:
    assert CHANNEL_OF.keys() == set(CHANNELS)


def test_what_is_held_of_a_configuration_shows_no_secret(loaded: Loaded) -> None:
    for shown in (f"{loaded!r}", f"{loaded}", f"{asdict(loaded.config)}"):
        assert "tea.example.com" in shown, "there is something to be seen"
        assert "marked" not in shown


def test_nor_does_what_is_made_of_it(loaded: Loaded, tmp_path: Path) -> None:
    here = replace(loaded.config, database=SecretStr(f"sqlite:///{tmp_path / 'state.db'}"))
    client = open_client(replace(loaded, config=here), lambda: MONDAY)
    try:
        for shown in (f"{client!r}", *(f"{shop!r}" for shop in client.shops)):
            assert "tea.example.com" in shown or "myshopify.com" in shown
            assert "marked" not in shown
            assert client.shops[0].secret.hex() not in shown
            assert repr(client.shops[0].secret) not in shown
    finally:
        client.close()


def test_a_traceback_with_every_local_variable_shows_none(loaded: Loaded) -> None:
    def stumble(config: object, staff: object, channels: object) -> None:
        raise KeyError("a fault")

    try:
        stumble(loaded.config, loaded.config.staff, loaded.config.channels)
    except KeyError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "channels = (ChannelConfig" in told
    assert "marked" not in told


# Where a secret may stand, by the types of the models ---------------------------------------------------------

NO_SECRETS = {
    *("id", "name", "platform", "url", "timezone", "locale", "holidays", "via", "address", "logo", "colour", "host"),
    *("rules", "templates", "presets", "windows", "signed_by", "unsubscribe", "consent_meta", "flow_trigger"),
    *("from", "reply_to", "account_sid", "api_key", "messaging_service_sid", "phone_number_id", "api_version"),
    *("contains", "json"),
}
"""Keys of plain text, each of which somebody has looked at. (Twilio's `api_key` is the name of one, not its secret.)"""


def leaves(annotation: Any) -> Iterator[Any]:
    """The types that a value, or what it holds, may have."""
    if get_origin(annotation) in (Annotated, list, tuple, dict, Mapping, Union, UnionType, frozenset):
        for part in get_args(annotation):
            yield from leaves(part)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from leaves(field.annotation)
    else:
        yield annotation


def keys_of(model: type[BaseModel], kind: type) -> set[str]:
    """The keys of a model, as they are written, that hold something of this type."""
    fields = model.model_fields.items()
    return {
        field.alias or name
        for name, field in fields
        if any(isinstance(leaf, type) and issubclass(leaf, kind) for leaf in leaves(field.annotation))
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_a_key_of_plain_text_is_one_that_somebody_has_looked_at(model: type[BaseModel]) -> None:
    plain = keys_of(model, str) - keys_of(model, SecretStr)
    assert plain - NO_SECRETS - _nested(model) == set()


def _nested(model: type[BaseModel]) -> set[str]:
    """Keys whose value is a model of its own: it is looked at by itself, or here where it has plain texts."""
    return {"success", "refused", "brand", "metrics", "soft_opt_in"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_key_that_holds_a_secret_is_tried_here(model: type[BaseModel]) -> None:
    everything = FULL + "".join(CHANNEL_OF.values()) + "secret: of a webhook"
    assert [key for key in keys_of(model, SecretStr) if f"{key}:" not in everything] == []


def parts(folder: Path, channel: tuple[str, str]) -> Iterator[tuple[type[BaseModel], dict[str, Any]]]:
    """The models of a configuration, each with what it is made of."""
    data = parse(configured(folder, channel), "config.yaml").data
    assert isinstance(data, dict)
    yield ConfigKeys, data
    for store in data["stores"]:
        model = settings_of(store["platform"])
        yield model, {key: value for key, value in store.items() if key in model.model_fields}
    yield settings_of_channel(*channel), {k: v for k, v in data["channels"][channel[0]].items() if k != "type"}


@pytest.mark.parametrize("channel", CHANNELS, ids="_".join)
def test_a_model_shows_no_secret_however_it_is_written(tmp_path: Path, channel: tuple[str, str]) -> None:
    for model, data in parts(tmp_path, channel):
        made = model.model_validate(data)
        assert "marked" not in f"{made!r} {made} {made.model_dump()} {made.model_dump_json(fallback=str)}"


@pytest.mark.parametrize("channel", CHANNELS, ids="_".join)
def test_nor_does_what_pydantic_says_of_a_mistake_beside_it(tmp_path: Path, channel: tuple[str, str]) -> None:
    for model, data in parts(tmp_path, channel):
        for wrong in ({**data, "oops": "marked"}, {key: [{"marked": ["marked"]}] for key in data}, {}):
            with pytest.raises(ValidationError) as caught:
                model.model_validate(wrong)
            assert "marked" not in str(caught.value).replace("0.marked", "")
            assert "marked" not in repr(caught.value).replace("0.marked", "")


WRONG = [
    *("", "[ marked ]", "{ marked-key: marked }", "17", "yes", "marked:// marked", "'marked\\x01", '"marked\\q"'),
    *("!marked", "!marked!x", "!<marked>", "*marked", "&marked", "@marked", "%marked", "`marked", "|marked"),
    *("'marked", "[marked", "marked: marked", "? marked", "- marked"),
]
"""As somebody writes who knows no YAML, and whose password begins with a sign that means something there."""


@pytest.mark.parametrize("wrong", WRONG)
def test_nor_does_any_mistake_that_is_told_of(tmp_path: Path, wrong: str) -> None:
    """A value with a secret in it, of each kind there is, is written wrongly."""
    lines = configured(tmp_path, ("email", "smtp")).splitlines()
    tried = 0
    for number, line in enumerate(lines):
        if line.strip().startswith(("database:", "staff:", "heartbeat:", "consumer_key:", "email:")):
            broken = [*lines[:number], f"{line.partition(': ')[0]}: {wrong}", *lines[number + 1 :]]
            (tmp_path / "config.yaml").write_text("\n".join(broken))
            problems: list[Problem] = []
            load_config(tmp_path / "config.yaml", {}, problems)
            tried += bool(problems)
            assert [each for each in map(str, problems) if "marked" in each.replace("marked-key", "")] == []
    assert tried


def test_the_schema_for_editors_has_no_secret_for_an_example() -> None:
    schema = json.dumps(config_schema())
    assert "marked" not in schema
    assert "**********" not in schema


# A file that everybody can read -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["header", "field"])
@pytest.mark.parametrize("literal", [True, False])
def test_a_gateway_s_key_is_a_secret_wherever_it_stands(tmp_path: Path, where: str, literal: bool) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yaml").write_text(RULES)
    keys = {"header": "${KEY}", "field": "${KEY}"} | ({where: "marked-literal"} if literal else {})
    (tmp_path / "config.yaml").write_text(f"""
version: 1
stores:
  - {{ id: mugs, platform: shopify, url: https://mugs.myshopify.com, access_token: "${{KEY}}" }}
channels:
  sms:
    type: http
    url: ${{URL}}
    headers: {{ Authorization: "{keys["header"]}" }}
    fields: {{ to: "{{{{ to }}}}", text: "{{{{ text }}}}", password: "{keys["field"]}" }}
    success: {{ status: 200 }}
""")
    (tmp_path / "config.yaml").chmod(0o644)
    found = load(tmp_path / "config.yaml", {"URL": "https://gateway.example.com/send", "KEY": "marked-elsewhere"})
    problems = [] if isinstance(found, Loaded) else [each.message for each in found]
    assert literal == any("every user of this machine can read it" in each for each in problems)
    assert len(problems) == literal


def test_a_secret_from_the_environment_in_the_wrong_place_is_told_of_by_its_name(tmp_path: Path) -> None:
    text = FULL.replace("  CHANNEL", "  {}").replace(
        "mode: redirect", "mode: redirect\nholidays: ${KEY}\ntimezone: ${KEY}"
    )
    (tmp_path / "config.yaml").write_text(text)
    problems: list[Problem] = []
    assert load_config(tmp_path / "config.yaml", {"KEY": "marked-elsewhere"}, problems) is None
    told = " ".join(map(str, problems))
    assert "holidays: '${KEY}' is not a country" in told
    assert "there is no time zone '${KEY}'" in told
    assert "marked" not in told
