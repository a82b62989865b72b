"""`report`: what was done and what it was worth, on the screen, as a page, and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from adapters.sandbox.woocommerce import WooSandbox
from connector.report.wording import languages, wording
from tests.cli.conftest import Desk, Shop

WORDS = Path(__file__).parents[2] / "connector" / "report" / "words"
EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements of a page, its texts, and what it would fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def told(shop: Shop) -> Shop:
    """A shop that greeted two customers and was kept from greeting a third; it has run."""
    shop.rules(
        """
        - id: hello
          name: Greet them
          trigger: order.placed
          conditions: { order.total: { less_than: 100 } }
          stop_if: { order.status: cancelled }
          actions: [{ send: "Hello {{ customer.first_name }}" }]
        - id: later
          trigger: order.placed
          wait: 1 day
          stop_if: { order.status: cancelled }
          actions: [{ send: Later }]
        """
    )
    shop.begin()
    noa = {"first_name": "Noa", "last_name": "Levi", "email": "noa.levi@example.com", "phone": "+972501234567"}
    shop.order(billing=noa)
    shop.order(billing=noa)
    cancelled = shop.order()
    assert shop.type("run", "--once").code == 0
    shop.store.set_status(int(cancelled), "cancelled")
    shop.let_polls_be_due()
    assert shop.type("run", "--once").code == 0
    return shop


def html_of(shop: Shop, *arguments: str) -> str:
    assert shop.type("report", "--html", "report.html", *arguments).code == 0
    return (shop.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_tells_what_went_out_and_what_was_withheld(told: Shop) -> None:
    result = told.type("report")
    assert result.code == 0
    assert "Messages: 3   People: 2" in result.out
    assert "order.status is not as wanted: anything but cancelled" in result.out
    assert "No rule has held anybody out" in result.out


def test_the_report_fits_a_narrow_screen(told: Shop) -> None:
    lines = told.type("report", COLUMNS="80").out.splitlines()
    assert max(map(len, lines)) <= 80


def test_programs_get_the_same_as_json(told: Shop) -> None:
    tea = told.type("report", "--json").json["stores"]["tea"]
    assert tea["sent"]["rules"]["hello"] == {
        "messages": 3,
        "people": 2,
        "withheld": 0,
        "failed": 0,
        "held_out": 0,
    }
    assert tea["handling"]["paid"] == 4
    assert tea["worth"]["rules"]["hello"]["comparison"] is None


def test_nothing_of_the_report_tells_who_the_customers_are(told: Shop) -> None:
    for told_so in (html_of(told), told.type("report").out, told.type("report", "--json").out):
        for personal in ("Noa", "Levi", "noa.levi", "example.com", "972501234567"):
            assert personal not in told_so


def test_a_page_is_whole_in_itself(told: Shop) -> None:
    page = Page(html_of(told))
    assert not {"script", "link", "iframe", "img", "object"} & set(page.elements)
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    assert page.elements.count("svg") >= 2
    assert "Greet them" in page.text


def test_a_page_is_its_owners_alone_and_overwrites_nothing(told: Shop) -> None:
    html_of(told)
    assert (told.folder / "report.html").stat().st_mode & 0o077 == 0
    again = told.type("report", "--html", "report.html")
    assert again.code == 2
    assert again.lines == ["report.html:1:1: is there already, and nothing is overwritten"]


@pytest.mark.parametrize(
    ("locale", "direction", "word"),
    [
        ("he", "rtl", "מה יצא"),
        ("ar", "rtl", "ما أُرسل"),
        ("ru", "ltr", "Что отправлено"),
        ("fr", "ltr", "What went out"),
    ],
)
def test_a_page_is_in_the_shops_language(told: Shop, locale: str, direction: str, word: str) -> None:
    told.config(told.store.url, f"locale: {locale}\n")
    html = html_of(told)
    lang = locale if locale != "fr" else "en"
    assert f'<html lang="{lang}" dir="{direction}">' in html
    assert word in Page(html).text


def test_what_a_shop_calls_its_rules_products_and_carriers_is_only_text(shop: Shop) -> None:
    shop.config(shop.store.url, store="tea")
    shop.write(
        "rules/rules.yaml",
        f"""
        version: 1
        rules:
          - id: hello
            name: "{EVIL.replace('"', "'")}"
            trigger: order.placed
            actions: [{{ send: Hello }}]
        """,
    )
    shop.begin()
    left = str(int(datetime.now(UTC).timestamp()))
    for _ in range(2):
        order = int(shop.order(items=[{"name": f"Mug {EVIL}", "price": "20.00", "product_id": 5}]))
        parcel = {"tracking_id": "1", "tracking_provider": EVIL, "tracking_number": "1", "date_shipped": left}
        shop.store.set_meta(order, "_wc_shipment_tracking_items", [parcel])
        shop.store.set_status(order, "completed")
        shop.store.refund(order, "5.00")
    assert shop.type("run", "--once").code == 0
    page = Page(html_of(shop))
    assert page.text.count("alert('x')") >= 3
    assert not {"script", "img"} & set(page.elements)


def test_only_one_store_is_told_of_where_it_is_named(told: Shop) -> None:
    assert list(told.type("report", "--store", "tea", "--json").json["stores"]) == ["tea"]


def test_a_store_that_does_not_exist_is_met_with_one_that_does(told: Shop) -> None:
    result = told.type("report", "--store", "te")
    assert result.code == 2
    assert result.lines == ["there is no store 'te'; did you mean 'tea'?"]


def test_a_time_to_come_is_refused(told: Shop) -> None:
    result = told.type("report", "--since", "2099-01-01")
    assert result.code == 2
    assert result.lines == [
        "--since: 2099-01-01 is still to come; write a day, as in 2026-05-01, or how far back, as in 30d"
    ]


@pytest.mark.parametrize("since", ["yesterday", "30", "-3d", "2026-13-01", "3 business days", ""])
def test_what_is_no_time_is_met_with_how_to_write_one(told: Shop, since: str) -> None:
    result = told.type("report", "--since", since)
    assert result.code == 2
    assert result.lines[0].startswith("--since: ")


def test_since_when_may_be_a_day_or_a_span(told: Shop) -> None:
    day = f"{datetime.now(UTC) - timedelta(days=4):%Y-%m-%d}"
    for since, orders in ((day, 4), ("4d", 4), ("2 days", 3)):
        assert told.type("report", "--since", since, "--json").json["stores"]["tea"]["orders"] == orders


def test_a_shop_without_orders_is_told_so(desk: Desk) -> None:
    with WooSandbox() as store:
        desk.config(store.url)
        desk.rules("- id: hello\n  trigger: order.placed\n  actions: [{ add_note: Hello }]")
        assert desk.type("run", "--once").code == 0
        result = desk.type("report")
        assert result.code == 0
        assert "Nothing in this time." in result.out
        assert desk.type("report", "--html", "report.html").code == 0
        assert "Nothing in this time." in (desk.folder / "report.html").read_text(encoding="utf-8")


def test_a_shop_that_has_not_run_yet_has_nothing_to_report(shop: Shop) -> None:
    shop.rules("- id: hello\n  trigger: order.placed\n  actions: [{ add_note: Hello }]")
    result = shop.type("report")
    assert result.code == 2
    assert result.lines == ["config.yaml has not run yet: begin with 'aftersale run --once'"]


def test_whoever_was_forgotten_counts_without_a_name(told: Shop) -> None:
    assert told.type("forget", "noa.levi@example.com", "--yes").code == 0
    result = told.type("report", "--json").json["stores"]["tea"]
    assert result["sent"]["rules"]["hello"]["messages"] == 3
    assert result["sent"]["people"] == 2
    assert result["erased"] == 2
    assert "personal data were erased: 2 orders" in told.type("report").out.replace("\n", " ")


def test_a_coupon_of_somebody_who_was_forgotten_is_known_when_it_is_used(shop: Shop) -> None:
    shop.rules(
        "- id: gift\n  trigger: order.placed\n  once_per: customer\n  actions: [{ create_coupon: { percent: 5 } }]"
    )
    shop.begin()
    shop.order(billing={"email": "noa.levi@example.com"})
    assert shop.type("run", "--once").code == 0
    (code,) = shop.store.coupons
    assert shop.type("forget", "noa.levi@example.com", "--yes").code == 0
    shop.order(billing={"email": "tal@example.com"}, coupons=[code])
    shop.let_polls_be_due()
    assert shop.type("run", "--once").code == 0
    assert shop.type("report", "--json").json["stores"]["tea"]["worth"]["rules"]["gift"]["coupons"]["used"] == 1


def test_each_client_is_told_of_by_its_own_name(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with WooSandbox() as one:
        for client in ("north", "south"):
            desk.config(one.url, f"database: sqlite:///{client}.db\n", name=f"clients/{client}.yaml")
        desk.write(
            "clients/rules/rules.yaml",
            "version: 1\nrules:\n  - { id: hello, trigger: order.placed, actions: [{ add_note: Hello }] }\n",
        )
        assert desk.type("run", "--once", "-c", "clients").code == 0
        assert list(desk.type("report", "-c", "clients", "--json").json["stores"]) == ["north/tea", "south/tea"]


# Words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages())
def test_every_language_says_the_same(language: str) -> None:
    english, theirs = (
        yaml.safe_load((WORDS / f"{name}.yaml").read_text(encoding="utf-8")) for name in ("en", language)
    )
    assert theirs.keys() == english.keys()
    for name, text in english.items():
        assert places(theirs[name]) == places(text), name


def places(text: str) -> set[str]:
    """What a sentence has to be filled with."""
    return {part.partition("}")[0] for part in text.split("{")[1:]}


def test_every_word_is_used() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in WORDS.parent.glob("*.*"))
    sources += (WORDS.parents[1] / "cli" / "report.py").read_text(encoding="utf-8")
    by_name = {"platform", "email", "sms", "whatsapp", "staff", "note"}
    actions = {"add_note", "add_tag", "set_status", "create_coupon", "notify_staff", "call_webhook"}
    unused = [name for name in yaml.safe_load((WORDS / "en.yaml").read_text(encoding="utf-8")) if name not in sources]
    assert set(unused) <= by_name | actions


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert wording("de-AT").number(1234.5) == "1,234.5"  # told in English, as there are no words in German
    assert wording("ru").percent(0.125) == "12,5\xa0%"
    assert wording("he-IL").language("ru") == "רוסית"
