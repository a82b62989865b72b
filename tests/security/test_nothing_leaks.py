"""Everything is run at DEBUG, in good times and bad, with marked keys and a marked customer: neither turns up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.sandbox.shopify import ShopifySandbox
from adapters.sandbox.woocommerce import WooSandbox
from connector.store.database import open_database
from tests.security.watched import PERSON, SECRETS, Watched, people_in, secrets_in

CONFIG = """
version: 1
database: sqlite:///aftersale.db
mode: {mode}
redirect_to: json://boss:${{BOSS_TOKEN}}@127.0.0.1:9
staff: [ "json://staff:${{STAFF_PASSWORD}}@127.0.0.1:9" ]
stores:
  - {{ id: tea, platform: woocommerce, url: "{tea}", consumer_key: "${{TEA_KEY}}", consumer_secret: "${{TEA_SECRET}}" }}
  - {{ id: mugs, platform: shopify, url: "{mugs}", access_token: "${{MUGS_TOKEN}}", platform_messages: invoice }}
"""

RULES = """
version: 1
rules:
  - id: note
    trigger: order.placed
    actions: [ { add_note: "{{ customer.first_name }} at {{ customer.email }}" }, { add_tag: seen } ]
  - id: letter
    trigger: order.placed
    conditions: { customer.first_name: Markedzelda }
    actions: [ { send: "Hello {{ customer.first_name }} {{ customer.last_name }}" }, { create_coupon: { percent: 5 } } ]
  - id: staff
    trigger: order.placed
    actions: [ { notify_staff: "{{ customer.first_name }}, {{ customer.phone }}" } ]
  - id: bad
    trigger: order.placed
    actions: [ { add_note: "{{ [customer.first_name] | sum }} {{ customer.email | int / 0 }}" } ]
  - id: held
    trigger: order.placed
    max_per_run: 1
    actions: [ { add_note: "Again {{ customer.last_name }}" } ]
"""


@dataclass
class Street:
    """Two stores, and the folder in which they are looked after."""

    watched: Watched
    tea: WooSandbox
    mugs: ShopifySandbox

    def config(self, mode: str = "live") -> None:
        text = CONFIG.format(mode=mode, tea=self.tea.url, mugs=self.mugs.url)
        (self.watched.folder / "config.yaml").write_text(text)

    def order(self) -> None:
        self.tea.add_order(billing=PERSON, shipping=PERSON, customer_note="Markednote, please")
        people = {name: PERSON[name] for name in ("first_name", "last_name", "email", "phone")}
        self.mugs.add_order(customer=people, address={"address1": PERSON["address_1"], "country": "IL"})

    def asked(self) -> list[str]:
        """What stood in the addresses of all requests."""
        of_mugs = [each.path for each in self.mugs.requests]  # questions in GraphQL have no query
        return [f"{each.path}?{each.query}" for each in self.tea.requests] + of_mugs


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Two stores that have been looked after, in good times and in bad."""
    folder = tmp_path_factory.mktemp("watched")
    with (
        WooSandbox() as tea,
        ShopifySandbox(access_token=SECRETS["MUGS_TOKEN"], restore_rate=None) as mugs,
    ):
        tea.add_key(SECRETS["TEA_KEY"], SECRETS["TEA_SECRET"], "read_write")
        street = Street(Watched(folder), tea, mugs)
        street.config()
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yaml").write_text(RULES)
        _in_good_times(street)
        _in_bad_times(street)
        yield street


@pytest.fixture
def watched(street: Street) -> Watched:
    return street.watched


def _in_good_times(street: Street) -> None:
    watched = street.watched
    street.order()
    assert watched.run(["check"], ["run", "--once"]) == [0, 0], watched.said
    for _ in range(2):
        street.order()
    looks = [["history"], ["history", "--json"], ["pending"], ["status"], ["status", "--json"], ["check", "--online"]]
    number = str(street.tea.orders[-1].id)
    watched.run(
        ["run", "--once"],
        *looks,
        ["explain", "tea", number],
        ["explain", "tea", number, "--json"],
        ["explain", "tea", "markednothing"],
        ["approve", "held"],
        ["settle", "1", "--sent"],
        ["pause"],
        ["resume"],
    )
    assert street.tea.notes(int(number))


def _in_bad_times(street: Street) -> None:
    watched, tea, mugs = street.watched, street.tea, street.mugs
    street.config("redirect")
    street.order()
    for how in ("reset", "timeout", "truncated", "php_notice"):
        tea.fail_next(how, match=lambda request: request.method == "POST", after_commit=True, delay=0.1)
    mugs.fail_next("reset", match=lambda request: b"mutation" in request.body, after_commit=True)
    tea.fail_next("truncated", times=1)
    crash = ["crash", f"{PERSON['email']} {SECRETS['TEA_SECRET']}"]
    watched.run(["check"], ["run", "--once"], ["history"], ["status"], crash, ["run", "--once"], ["status"])
    good = dict(watched.environment)
    watched.environment["TEA_SECRET"] = "cs_wrong"
    mugs.revoke_token()
    elsewhere = _without_a_database(watched)
    watched.run(["run", "--once"], ["check", "--online"], ["status", "--json"], ["-c", elsewhere, "run", "--once"])
    watched.environment = good


def _without_a_database(watched: Watched) -> str:
    """A config whose database is not there."""
    text = (watched.folder / "config.yaml").read_text()
    nowhere = f"postgresql+psycopg://shop:{SECRETS['STAFF_PASSWORD']}@127.0.0.1:1/none"
    (watched.folder / "nowhere.yaml").write_text(text.replace("sqlite:///aftersale.db", nowhere))
    return "nowhere.yaml"


def test_no_key_stands_in_what_was_said_or_shown(watched: Watched) -> None:
    assert secrets_in("".join([*watched.said, *watched.results])) == []


def test_no_customer_stands_in_a_log_or_an_error(watched: Watched) -> None:
    assert "tea" in "".join(watched.said)
    assert people_in("".join(watched.said)) == []


def test_no_key_stands_in_a_file(watched: Watched) -> None:
    assert (watched.folder / "aftersale.db").exists()
    assert watched.files_with_secrets() == []


def test_no_customer_stands_in_an_address_that_was_asked(street: Street) -> None:
    assert street.asked()
    assert people_in("\n".join(street.asked())) == []


def test_neither_stands_among_a_process_s_arguments(watched: Watched) -> None:
    told = "".join(watched.arguments)
    assert "under_watch" in told
    assert (secrets_in(told), people_in(told)) == ([], [])


def test_the_story_went_as_it_should(street: Street, watched: Watched) -> None:
    """Or nothing above would prove anything: messages went out, some failed, and a crash was logged."""
    said, shown = "".join(watched.said), "".join(watched.results)
    tea = street.tea
    assert any(PERSON["first_name"] in mail.body for mail in tea.mails)
    assert any(PERSON["email"] in note.text for order in tea.orders for note in tea.notes(order.id))
    for word in ("ValueError", "outcome unknown", "follow-up failed", "rule held"):
        assert word in said, word
    assert "consumer_key or consumer_secret is wrong" in " ".join(shown.split())


def test_what_is_held_of_a_config_shows_no_key_by_accident(watched: Watched) -> None:
    from connector.loading import Loaded, load
    from connector.staff import Staff

    loaded = load(watched.folder / "config.yaml", watched.environment)
    assert isinstance(loaded, Loaded)
    assert secrets_in(f"{loaded!r} {Staff(loaded.config.staff)!r}") == []
    database = open_database(loaded.config.database.get_secret_value())
    assert secrets_in(repr(vars(database))) == []
    database.close()


# A leak would be seen -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [PERSON["email"], PERSON["phone"], SECRETS["TEA_SECRET"], SECRETS["CHANNEL_TOKEN"]])
@pytest.mark.parametrize("where", ["log", "library", "error", "result", "file", "arguments"])
def test_a_leak_that_is_planted_is_found(tmp_path: Path, where: str, words: str) -> None:
    watched = Watched(tmp_path)
    watched.run(["leak", where, words], planted=words if where == "arguments" else "")
    for seen in (watched.said, watched.results, watched.arguments):
        is_there = seen is {"result": watched.results, "arguments": watched.arguments}.get(where, watched.said)
        found = secrets_in("".join(seen)) + people_in("".join(seen))
        assert bool(found) == (is_there and where != "file")
    assert bool(watched.files_with_secrets()) == (where == "file" and words in SECRETS.values())
