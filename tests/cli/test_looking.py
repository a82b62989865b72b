"""`pending`, `history`, `status`, `explain` and `schema`: what can be seen, without changing anything."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import yaml

from tests.cli.conftest import Desk, Shop

KEYS = {
    "id",
    "store",
    "order",
    "rule",
    "version",
    "step",
    "action",
    "channel",
    "state",
    "reason",
    "basis",
    "passed_over",
}
Z = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def done(noted: Shop) -> Shop:
    """A shop in which the first step of a follow-up is done, and the second planned."""
    noted.order()
    assert noted.type("run", "--once").code == 0
    return noted


# pending and history ------------------------------------------------------------------------------------------


def test_what_is_pending_is_a_row_an_action(done: Shop) -> None:
    [row] = done.rows("pending")
    assert set(row) == KEYS | {"due_at"}
    assert (row["store"], row["rule"], row["step"], row["action"]) == ("tea", "hello", 2, "add_note")
    assert (row["state"], row["reason"], row["channel"]) == ("pending", None, None)
    assert Z.fullmatch(row["due_at"])
    assert datetime.fromisoformat(row["due_at"]) > datetime.now(UTC) + timedelta(days=1)


def test_what_was_done_is_history(done: Shop) -> None:
    [row] = done.rows("history")
    assert set(row) == KEYS | {"at"}
    assert (row["step"], row["state"]) == (1, "done")
    assert Z.fullmatch(row["at"])


def test_people_see_the_stores_own_time_and_its_name(done: Shop) -> None:
    [row] = done.rows("pending")
    wall = datetime.fromisoformat(row["due_at"]).astimezone(ZoneInfo("Asia/Jerusalem"))
    out = done.type("pending").out
    assert f"{wall:%Y-%m-%d %H:%M}" in out
    assert "Times are Asia/Jerusalem." in out


@pytest.mark.parametrize("columns", ["80", "120"])
def test_tables_fit_the_screen(held: Shop, columns: str) -> None:
    for command in ("pending", "history", "status", "check"):
        lines = held.type(command, COLUMNS=columns).out.splitlines()
        assert max(map(len, lines)) <= int(columns), command


def test_history_may_be_limited_to_the_latest(held: Shop) -> None:
    every = held.rows("history")
    assert held.type("history", "--limit", "2", "--json").json == every[-2:]


def test_what_is_held_is_history_and_pending_says_so(held: Shop) -> None:
    assert {row["state"] for row in held.rows("history")} == {"held"}
    assert "3 actions are held for you" in held.type("pending").out


def test_before_the_first_run_there_is_nothing_to_see(shop: Shop) -> None:
    shop.rules("- { id: hello, trigger: order.placed, actions: [ { add_note: Hello } ] }")
    assert shop.type("pending").out == "Nothing is planned.\n"
    assert shop.type("history").out == "Nothing has happened yet.\n"
    assert "Never polled" in shop.type("status").out
    assert list(shop.folder.glob("aftersale.db*")) == []


# status -------------------------------------------------------------------------------------------------------


def test_a_store_that_is_well_is_told_with_its_counts(done: Shop) -> None:
    result = done.type("status", "--json")
    assert result.code == 0
    tea = result.json["stores"]["tea"]
    assert (tea["orders"], tea["error"], tea["baseline"]) == (2, None, "done")
    assert (tea["counts"]["pending"], tea["counts"]["done"]) == (1, 1)
    assert tea["lag_seconds"] < 60
    assert datetime.fromisoformat(tea["next_poll_at"]) - datetime.fromisoformat(tea["polled_at"]) == timedelta(
        minutes=2
    )


def test_a_store_in_trouble_is_told_with_the_reason_and_the_next_try(done: Shop) -> None:
    done.store.stop()
    assert done.type("run", "--once").code == 1
    result = done.type("status")
    assert result.code == 1
    assert "In trouble (since " in result.out
    assert "Tried again in " in result.out


def test_products_that_cannot_be_read_are_told_with_the_reason(done: Shop) -> None:
    done.rules(
        "- { id: hello, trigger: order.placed, conditions: { item.categories: Tea }, actions: [ { add_tag: tea } ] }"
    )
    done.store.fail_next("403", match=lambda request: request.path.endswith("/products"), times=None)
    done.order()
    assert done.type("run", "--once").code == 0
    told = done.type("status")
    assert told.code == 1
    assert "Products cannot be read, and rules do without their categories and pages" in " ".join(told.out.split())
    told = done.type("status", "--json")
    assert "GET /wp-json/wc/v3/products" in told.json["stores"]["tea"]["products_error"]
    assert Z.fullmatch(told.json["stores"]["tea"]["products_retry_at"])


def test_what_is_held_is_told_with_what_to_type(held: Shop) -> None:
    result = held.type("status")
    assert result.code == 4
    out = " ".join(result.out.split())
    assert "Held for your approval: 3 actions of rule 'hello'" in out
    assert "'aftersale approve hello' lets them go" in out


def test_an_order_that_cannot_be_understood_is_told(done: Shop) -> None:
    number = done.order(created_via="checkout")
    done.store.order(int(number)).line_items[0]["quantity"] = "many"
    done.type("run", "--once")
    tea = done.type("status", "--json").json["stores"]["tea"]
    assert [each["id"] for each in tea["quarantined"]] == [number]
    assert f"Order {number} cannot be understood" in " ".join(done.type("status").out.split())


# explain ------------------------------------------------------------------------------------------------------


def test_every_rule_is_explained_with_what_it_saw(shop: Shop) -> None:
    shop.rules(
        """
        - id: big
          trigger: order.placed
          conditions: { order.total: { at_least: 1000 } }
          actions: [ { add_note: Big } ]
        - id: small
          trigger: order.placed
          wait: 2 days
          conditions: { order.total: { less_than: 1000 } }
          actions: [ { add_note: Small } ]
        """
    )
    shop.begin()
    number = shop.order()
    shop.type("run", "--once")
    told = shop.type("explain", "tea", number, "--json").json
    assert told["order"] == number
    assert told["facts"]["status"] == "processing"
    assert [event["event"] for event in told["events"]] == ["order.placed", "order.paid", "order.status:processing"]
    big, small = told["rules"]
    assert (big["rule"], big["steps"]) == ("big", [])
    assert "order.total" in big["outcome"]
    assert big["reasons"][-1] == {
        "field": "order.total",
        "wanted": "at least 1000",
        "saw": "74.90 ILS",
        "held": False,
        "flips_at": None,
    }
    assert [(step["step"], step["action"], step["state"]) for step in small["steps"]] == [(1, "add_note", "pending")]
    assert Z.fullmatch(small["steps"][0]["due_at"])


def test_people_see_a_tree_and_what_comes_next(done: Shop) -> None:
    out = done.type("explain", "tea", "102").out
    assert "✓ order.placed happened on " in out
    assert re.search(r"Step 1\n.*add_note: done", out)
    assert re.search(r"Step 2, add_note: planned for ", out)
    assert re.search(r"Next: .*, step 2 of hello \(add_note\)\.", out)


def test_an_order_is_found_by_its_number_with_a_hash_too(done: Shop) -> None:
    assert done.type("explain", "tea", "#102").code == 0


def test_an_unknown_store_or_order_is_a_mistake_with_a_suggestion(done: Shop) -> None:
    store = done.type("explain", "tae", "102")
    assert (store.code, store.lines) == (2, ["there is no store 'tae'; did you mean 'tea'?"])
    order = done.type("explain", "tea", "10")
    assert order.code == 2
    assert order.lines == ["there is no order '10' in 'tea', as far as it has been polled; did you mean '102'?"]


def test_looking_switches_no_rule_on(done: Shop) -> None:
    with (done.folder / "rules" / "rules.yaml").open("a") as rules:
        rules.write("  - { id: news, trigger: order.placed, actions: [ { add_note: News } ] }\n")
    for command in (("explain", "tea", "102"), ("status",), ("pending",), ("history",), ("settle",), ("approve",)):
        assert done.type(*command).code == 0
    with closing(sqlite3.connect(done.folder / "aftersale.db")) as state:
        assert state.execute("SELECT rule FROM rules").fetchall() == [("hello",)]


# schema -------------------------------------------------------------------------------------------------------


def test_the_schemas_take_what_check_takes(noted: Shop) -> None:
    for which, file in (("rules", "rules/rules.yaml"), ("config", "config.yaml")):
        schema = noted.type("schema", which).json
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(yaml.safe_load((noted.folder / file).read_text()), schema)


def test_the_schemas_refuse_what_check_refuses(desk: Desk) -> None:
    config = {"version": 1, "stores": [{"id": "tea", "platform": "woocommerce", "url": "https://tea.example.com"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, desk.type("schema", "config").json)
    rules = {"version": 1, "rules": [{"id": "a", "trigger": "order.placed", "actions": [{"sedn": "Hello"}]}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(rules, desk.type("schema").json)


def test_the_config_schema_takes_every_key(desk: Desk) -> None:
    config = {
        "version": 1,
        "timezone": "Asia/Jerusalem",
        "business_hours": {"sun-thu": "09:00-18:00"},
        "holidays": "IL",
        "via": "platform",
        "rules": ["rules/*.yaml"],
        "staff": "json://127.0.0.1",
        "mode": "dry",
        "stores": [
            {
                "id": "tea",
                "platform": "woocommerce",
                "url": "https://tea.example.com",
                "consumer_key": "ck_x",
                "consumer_secret": "cs_x",
                "poll_every": "5 minutes",
                "delivered_when": [{"status": "delivered"}, {"shipped_plus": "5 business days"}],
            }
        ],
    }
    jsonschema.validate(config, desk.type("schema", "config").json)


def test_explain_and_history_tell_who_is_held_out(shop: Shop) -> None:
    shop.rules(
        """
        - id: hello
          trigger: order.placed
          holdout: 50%
          steps:
            - actions: [{ add_note: Hello }, { add_tag: greeted }]
            - actions: [{ add_note: Later }]
        """
    )
    shop.begin()
    numbers = [shop.order(billing={"email": f"buyer{number}@example.com"}) for number in range(20)]
    assert shop.type("run", "--once").code == 0
    told = "held out: 50 % of this rule's people get nothing, to compare"
    left_out = [row for row in shop.rows() if row["reason"] == told]
    assert 0 < len(left_out) < len(numbers)
    for row in left_out:
        assert shop.notes(row["order"]) == []
        assert f"hello: {told}" in shop.type("explain", "tea", row["order"], COLUMNS="120").out
