"""What `hold_while` holds up, as it is told: pending, explained, foreseen, simulated and tested."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Result, Shop

ASK = """
- id: ask
  trigger: order.placed
  wait: 1 hour
  hold_while: { order.status: processing, order.tags: complaint }
  actions: [ { send: How was it }, { add_note: Asked } ]
"""
WITHOUT = ASK.replace("  hold_while: { order.status: processing, order.tags: complaint }\n", "")
WAITS = "waits while order.status is processing"


def words(result: Result) -> str:
    """What is told, without the tree's lines and wherever it is wrapped."""
    return " ".join(re.sub("[│├└─]", " ", result.out).split())


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """A shop in which a message about order 102 waits."""
    shop.rules(ASK)
    shop.begin()
    shop.order()
    assert shop.type("run", "--once").code == 0
    return shop


def test_pending_says_what_it_waits_for_and_when_it_was_to_go(waiting: Shop) -> None:
    message, note = waiting.rows("pending")
    assert (message["state"], message["reason"], note["reason"]) == ("pending", WAITS, WAITS)
    assert message["due_at"] == note["due_at"] < "2100"
    told = words(waiting.type("pending"))
    assert "step 1: send" in told
    assert told.count("9999") == 0
    assert "waits while" in told


def test_explain_says_what_it_waits_for_and_what_it_saw(waiting: Shop) -> None:
    told = words(waiting.type("explain", "tea", "102"))
    assert f"ask: step 1 {WAITS}" in told
    assert re.search(rf"Step 1, send, add_note: {WAITS}, planned for .{{16}} \(id 1, 2\)", told)
    assert (
        "It waits while one of these is so: ✗ order.status is processing; it is processing "
        "✓ order.tags is complaint; it is missing" in told
    )
    assert re.search(r"Next: .{16}, step 1 of ask expires, if it still waits while order.status is processing\.", told)
    assert "9999" not in told


def test_explain_tells_programs_too(waiting: Shop) -> None:
    [rule] = waiting.type("explain", "tea", "102", "--json").json["rules"]
    assert rule["outcome"] == WAITS
    assert {"order.status": False, "order.tags": True}.items() <= {
        check["field"]: check["held"] for check in rule["reasons"]
    }.items()


def test_plan_says_what_an_edit_will_hold_up_and_let_go(shop: Shop) -> None:
    shop.rules(WITHOUT)
    shop.begin()
    shop.order()
    shop.type("run", "--once")
    shop.rules(ASK)
    told = words(shop.type("plan"))
    assert "ask: edited Planned actions: 2 changed." in told
    assert "waits while order.status is processing" in told
    shop.type("run", "--once")
    assert {row["reason"] for row in shop.rows("pending")} == {WAITS}
    assert "Not edited" in shop.type("plan").out
    shop.rules(WITHOUT)
    assert "ask: edited Planned actions: 2 changed." in words(shop.type("plan"))


def test_simulate_lets_wait_what_would_have_waited(shop: Shop) -> None:
    counts = {}
    for name, rules in (("without", WITHOUT), ("with", ASK)):
        shop.rules(rules)
        [rule] = shop.type("simulate", "--since", "30d", "--json").json[0]["rules"]
        counts[name] = (rule["messages"], rule["to_come"])
    assert counts == {"without": (1, 0), "with": (0, 2)}


def test_a_rule_test_can_say_that_it_waits_goes_on_or_comes_too_late(shop: Shop) -> None:
    shop.rules(ASK)
    shop.write(
        "rules/tests/ask.yaml",
        f"""
        version: 1
        tests:
          - name: it waits
            when: {{ 2026-06-01 10:00: paid }}
            until: 2026-06-02 10:00
            expect: nothing
            why_not: {{ ask: {WAITS} }}
          - name: it goes on
            when: {{ 2026-06-01 10:00: paid, 2026-06-02 12:00: completed }}
            expect:
              2026-06-02 12:00: [ send: How was it, add_note: Asked ]
          - name: it comes too late
            when: {{ 2026-06-01 10:00: paid, 2026-06-20 12:00: completed }}
            expect: nothing
            why_not: {{ ask: expired }}
        """,
    )
    result = shop.type("test")
    assert result.code == 0, result.out
    assert result.out.startswith("3 passed in ")
