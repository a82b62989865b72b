"""The examples are what people start from: they load as they stand, and every message reads well in every language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.model import Customer, LineItem, Money, Order, Refund, Shipment
from connector.actions.send import Send
from connector.loading import Loaded, load
from connector.ruletests.cases import read_cases
from connector.ruletests.playing import play, stand_for
from connector.ruletests.verdicts import verdict
from rules.messages import Rendered, render_template
from rules.template_language import GivenCoupon, Store
from rules.templates import Context, Markup

ROOT = Path(__file__).parent.parent
LANGUAGES = ("ar", "en", "he", "ru")
NAMES = {"ar": "ليلى", "en": "Emma", "he": "נועה", "ru": "Анна"}
GREETINGS = {"ar": "مرحباً", "en": "Hi", "he": "היי", "ru": "Здравствуйте"}
FOLDER = ROOT / "examples" / "templates"
MESSAGES = [pytest.param(file, id=f"{file.parent.name}/{file.stem}") for file in sorted(FOLDER.glob("*/*.md"))]

SECRETS = {"TEA_WC_KEY": "ck_example", "TEA_WC_SECRET": "cs_example", "STAFF_URL": "json://127.0.0.1:8090/aftersale"}
NOON = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)


def example() -> Loaded:
    loaded = load(ROOT / "config.example.yaml", SECRETS)
    assert isinstance(loaded, Loaded), "\n".join(map(str, loaded))
    return loaded


def context(language: str, first_name: str | None) -> Context:
    """A parcel with everything known, to a customer of this language."""
    item = LineItem(id="1", name="Sencha, 100 g", quantity=2, total=Money(Decimal("96.00"), "ILS"))
    shipment = Shipment(
        id="1", carrier="Camel Couriers", tracking_number="CC1", tracking_url="https://track.example.com/CC1"
    )
    order = Order(
        id="7001",
        number="7001",
        status="processing",
        created_at=NOON,
        modified_at=NOON,
        total=Money(Decimal("121.00"), "ILS"),
        customer=Customer(first_name=first_name, email="someone@example.com", locale=language),
        items=(item,),
        shipments=(shipment,),
        refunds=(Refund(id="1", amount=Money(Decimal("48.00"), "ILS"), created_at=NOON),),
        payment_url="https://tea.example.com/checkout/order-pay/7001/",
    )
    return Context(
        order=order,
        items=order.items,
        item=item,
        shipment=shipment,
        store=Store(id="tea", name="Tea for Two", url="https://tea.example.com"),
        coupon=GivenCoupon(code="tea4you", expires_at=NOON + timedelta(days=60)),
        signed_by="Tal",
        inputs={"percent": 10},
        locale=language,
        zone=ZoneInfo("Asia/Jerusalem"),
    )


def message(file: Path, about: Context) -> Rendered:
    return render_template({file.stem: file.read_text(encoding="utf-8")}, [file.stem], about, name=file.parent.name)


def render(file: Path, markup: Markup, first_name: str | None) -> str:
    made = message(file, context(file.stem, first_name))
    return made.html_fragment if markup == "html" else made.plain


def without_tags(text: str) -> str:
    return re.sub("<[^>]+>", "", text)


def test_the_example_config_is_right_once_its_secrets_are_set() -> None:
    loaded = example()
    assert [store.id for store in loaded.config.stores] == ["tea"]
    assert len(loaded.rules["tea"]) >= 6


def test_every_example_message_is_there_in_four_languages() -> None:
    for message in FOLDER.iterdir():
        assert sorted(file.stem for file in message.iterdir()) == list(LANGUAGES), message


def test_every_example_message_is_sent_by_some_rule() -> None:
    loaded = example()
    steps = [step for rule in loaded.rules["tea"] for step in rule.steps]
    specs = [action.spec for step in steps for action in step.actions]
    sent = {spec.template for spec in specs if isinstance(spec, Send)}
    assert {message.name for message in FOLDER.iterdir()} <= sent <= set(loaded.templates)


@pytest.mark.parametrize("markup", ["html", "plain"])
@pytest.mark.parametrize("file", MESSAGES)
def test_a_message_greets_by_name_and_says_nothing_odd(file: Path, markup: Markup) -> None:
    name = NAMES[file.stem]
    text = render(file, markup, name)
    assert without_tags(text).startswith(f"{GREETINGS[file.stem]}{',' if file.stem == 'ru' else ''} {name}")
    assert not re.search(r"None|\{\{|\}\}|\{%|\(\)|\[\]|https?://None", text)
    assert "7001" in text or "order.number" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", MESSAGES)
def test_a_customer_without_a_name_is_greeted_without_one(file: Path) -> None:
    first_line = render(file, "plain", None).splitlines()[0]
    assert re.fullmatch(rf"{GREETINGS[file.stem]}[,،!]", first_line)


@pytest.mark.parametrize("file", MESSAGES)
def test_a_message_has_a_subject_in_its_language(file: Path) -> None:
    subject = message(file, context(file.stem, "Noa")).subject
    assert subject
    assert len(subject) <= 60
    script = {"ar": "[\u0600-\u06ff]", "en": "[a-z]", "he": "[\u0590-\u05ff]", "ru": "[\u0400-\u04ff]"}
    assert re.search(script[file.stem], subject)


def test_the_rules_pass_their_tests() -> None:
    loaded = example()
    file = ROOT / "examples" / "rules" / "tests" / "examples.yaml"
    cases, problems = read_cases({str(file): file.read_text(encoding="utf-8")}, loaded)
    assert [*map(str, problems)] == []
    with stand_for(loaded.config) as stand:
        assert {case.name: verdict(play(stand, case), 0.0).complaints for case in cases} == {
            case.name: () for case in cases
        }
