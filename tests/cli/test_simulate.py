"""`simulate`: what it shows of what would have been done, and that it does nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from adapters.sandbox.shopify import ShopifySandbox
from tests.cli.conftest import Desk, Shop

THANKS = """
- id: thanks
  trigger: order.paid
  wait: 2 hours
  send_between: 09:00-18:00
  actions:
    - send: "Thank you, {{ customer.first_name }}!"
    - add_note: Thanked
- id: off
  enabled: false
  trigger: order.completed
  actions:
    - send: "Enjoy it."
"""


def ago(**span: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**span)


@pytest.fixture
def lived(shop: Shop) -> Shop:
    """A shop that nobody has looked after yet: five orders of this month, three of one customer, and an old one."""
    for day in (3, 9, 20):
        shop.order(created=ago(days=day), billing={"email": "noa@example.com", "phone": "+972501234567"})
    shop.order(created=ago(days=8), status="pending", billing={"first_name": "<b>Dan</b>"})
    shop.order(created=ago(days=6), completed=ago(days=4), status="completed", billing={"first_name": "<b>Dan</b>"})
    shop.order(created=ago(days=80))
    shop.rules(THANKS)
    return shop


def test_it_tells_how_many_messages_to_whom_and_what_they_say(lived: Shop) -> None:
    told = lived.type("simulate", "--since", "15d")
    assert told.code == 0, told.err
    assert "nothing was sent, and nothing written" in told.out
    assert "Thank you, Noa!" in told.out
    rule = lived.type("simulate", "--since", "15d", "--json").json[0]["rules"]
    assert [(each["rule"], each["messages"], each["people"], each["done"]) for each in rule] == [
        ("thanks", 4, 3, {"send": 4, "add_note": 4})
    ]


def test_nothing_is_written_to_the_store_nor_to_this_machine(lived: Shop) -> None:
    before = sorted(path.name for path in lived.folder.rglob("*"))
    assert lived.type("simulate").code == 0
    assert lived.writes() == []
    assert sorted(path.name for path in lived.folder.rglob("*")) == before


def test_a_shopify_store_is_only_asked(desk: Desk) -> None:
    with ShopifySandbox(restore_rate=None) as store:
        store.add_order(created_at=ago(days=5))
        desk.write(
            "config.yaml",
            f"""
            version: 1
            timezone: Asia/Jerusalem
            stores:
              - id: mugs
                platform: shopify
                url: {store.url}
                access_token: shpat_sandbox
                platform_messages: invoice
            """,
        )
        desk.rules(THANKS)
        told = desk.type("simulate", "--json")
        assert told.json[0]["rules"][0]["messages"] == 1
        assert store.requests
        assert not [request for request in store.requests if "mutation" in request.document]


def test_of_a_store_that_is_looked_after_the_state_is_asked_and_left_as_it_is(lived: Shop) -> None:
    lived.begin()
    asked, state = len(lived.store.requests), (lived.folder / "aftersale.db").read_bytes()
    assert lived.type("simulate", "--since", "15d", "--json").json[0]["rules"][0]["messages"] == 4
    assert len(lived.store.requests) == asked
    assert (lived.folder / "aftersale.db").read_bytes() == state


def test_products_are_asked_for_where_a_rule_looks_at_them(lived: Shop) -> None:
    lived.store.add_product(10, categories=["Mugs"])
    lived.rules(THANKS.replace("  wait: 2 hours", "  conditions: { item.categories: mugs }\n  wait: 2 hours"))
    assert lived.type("simulate", "--since", "15d", "--json").json[0]["rules"][0]["messages"] == 4
    assert sum(request.path.endswith("/products") for request in lived.store.requests) == 1
    assert lived.writes() == []


def test_messages_go_out_in_the_hours_of_the_rule(lived: Shop) -> None:
    hours = lived.type("simulate", "--json").json[0]["rules"][0]["hours"]
    assert sum(hours) == 5
    assert sum(hours[9:18]) == 5


def test_one_rule_can_be_tried_before_it_is_switched_on(lived: Shop) -> None:
    rules = lived.type("simulate", "--rule", "off", "--json").json[0]["rules"]
    assert [(each["rule"], each["messages"]) for each in rules] == [("off", 1)]


def test_what_a_status_without_a_date_would_have_set_off_is_not_made_up(shop: Shop) -> None:
    shop.order(created=ago(days=5), modified=ago(days=2), status="on-hold")
    shop.rules('- { id: hold, trigger: order.on_hold, actions: [ { add_note: "Held" } ] }')
    told = shop.type("simulate", "--json").json[0]
    assert told["rules"][0]["done"] == {}
    assert told["unknown"] == [{"store": "tea", "event": "order.status:on-hold", "orders": 1}]
    assert "became 'on-hold'. The store does not say when" in " ".join(shop.type("simulate").out.split())


def test_why_not_is_told(lived: Shop) -> None:
    lived.rules(
        """
        - id: big
          trigger: order.paid
          conditions: { order.total: { at_least: 500 } }
          actions: [ { add_note: "Big" } ]
        """
    )
    reasons = lived.type("simulate", "--since", "15d", "--json").json[0]["rules"][0]["not_sent"]
    assert [(each["count"], each["reason"].partition(" is ")[0]) for each in reasons] == [(4, "order.total")]


def test_the_busiest_customer_is_named_by_their_orders_alone(lived: Shop) -> None:
    told = lived.type("simulate")
    assert "The busiest customer: 3 messages" in told.out
    assert "noa@example.com" not in told.out + told.err


def test_a_page_shows_it_and_what_customers_write_stays_text(lived: Shop) -> None:
    told = lived.type("simulate", "--html", "month.html")
    assert told.out.endswith("Written to month.html.\n")
    page = (lived.folder / "month.html").read_text(encoding="utf-8")
    assert "Thank you, &lt;b&gt;Dan&lt;/b&gt;!" in page
    assert (lived.folder / "month.html").stat().st_mode & 0o777 == 0o600
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.seen
    assert "svg" in tags.seen


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_a_page_that_is_there_is_not_overwritten(lived: Shop) -> None:
    lived.write("month.html", "mine")
    assert lived.type("simulate", "--html", "month.html").code == 2
    assert (lived.folder / "month.html").read_text() == "mine"


def test_a_rule_that_does_not_exist_is_met_with_a_suggestion(lived: Shop) -> None:
    told = lived.type("simulate", "--rule", "thank")
    assert (told.code, told.lines) == (2, ["there is no rule 'thank'; did you mean 'thanks'?"])


def test_a_day_to_come_is_refused(lived: Shop) -> None:
    told = lived.type("simulate", "--since", "2099-01-01")
    assert told.code == 2
    assert "still to come" in told.err


def test_a_store_without_orders_says_so(shop: Shop) -> None:
    shop.rules(THANKS)
    told = shop.type("simulate", "--since", "1d")
    assert told.code == 0
    assert "There are no orders to try the rules on." in told.out


def test_a_store_that_breaks_off_is_named_and_what_came_before_counts(lived: Shop) -> None:
    for day in range(120):
        lived.order(created=ago(days=25, minutes=day))
    lived.store.fail_next("401", match=lambda request: "exclude" in request.params)
    told = lived.type("simulate", "--json")
    assert told.code == 1
    assert told.json[0]["not_read"][0]["store"] == "tea"
    assert told.json[0]["rules"][0]["messages"] > 0


def test_an_order_that_cannot_be_understood_is_named_and_the_others_count(lived: Shop) -> None:
    broken = lived.order(created=ago(days=2))
    lived.store.order(int(broken)).line_items.append({"name": "A line without an id", "total": "0.00"})
    told = lived.type("simulate", "--json")
    assert [each["order"] for each in told.json[0]["not_read"]] == [broken]
    assert told.json[0]["rules"][0]["messages"] == 5
