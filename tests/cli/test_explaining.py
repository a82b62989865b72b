"""`explain`: an order's story, as a shop owner can read it, as of any time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.cli.conftest import Result, Shop

ZONE = ZoneInfo("Asia/Jerusalem")
THANKS = """
- id: thanks
  name: Thank you
  trigger: order.placed
  conditions: { order.total: { at_least: 50 } }
  stop_if: { order.status: [refunded, cancelled] }
  steps:
    - actions: [ { add_note: Thank you }, { add_tag: thanked } ]
    - wait: 2 days
      actions: [ { send: How was it } ]
- { id: late, trigger: shipment.late, actions: [ { add_note: Late } ] }
- { id: sorry, trigger: order.refunded, actions: [ { add_note: Sorry } ] }
"""


def wall(**later: float) -> str:
    """What a clock in the shop shows now, or so much later."""
    return f"{datetime.now(ZONE) + timedelta(**later):%Y-%m-%d %H:%M}"


def words(result: Result) -> str:
    """What is told, without the tree's lines and wherever it is wrapped."""
    return " ".join(re.sub("[│├└─]", " ", result.out).split())


@pytest.fixture
def thanked(shop: Shop) -> Shop:
    """A shop in which a customer of order 102 was thanked, and is to be asked in two days."""
    shop.rules(THANKS)
    shop.begin()
    shop.order()
    assert shop.type("run", "--once").code == 0
    return shop


# As a tree ----------------------------------------------------------------------------------------------------


def test_an_order_is_told_from_what_happened_to_what_comes_next(thanked: Shop) -> None:
    told = words(thanked.type("explain", "tea", "102"))
    assert "the order was placed (order.placed)" in told
    assert "its status became 'processing' (order.status:processing); that is when it was first seen" in told
    assert "thanks (Thank you): step 2 is planned for " in told
    assert "✓ order.placed happened on " in told
    assert "✓ order.total must be at least 50; it is 74.90 ILS" in told
    assert "Step 1 add_note, add_tag: done, " in told
    due = re.search(r"Next: (.{16}), step 2 of thanks \(send\)\.", told)
    assert due is not None
    assert due[1] in (wall(days=2), wall(days=2, minutes=-1))


def test_what_may_still_stop_it_is_told(thanked: Shop) -> None:
    told = words(thanked.type("explain", "tea", "102"))
    assert (
        "It stops as soon as one of these is so: order.status is one of refunded, cancelled; it is processing" in told
    )
    assert re.search(r"it expires on .{16}, if it has not gone out by then", told)


def test_rules_that_the_order_never_came_near_are_summed_up_in_a_line(thanked: Shop) -> None:
    told = words(thanked.type("explain", "tea", "102"))
    others = told.partition("Other rules ")[2]
    assert others.startswith(
        "What they wait for has not happened: sorry (order.refunded) The order has no shipment yet: late Next: "
    )
    assert "order.refunded has not happened" not in told


def test_one_rule_may_be_looked_at_by_itself_though_nothing_came_of_it(thanked: Shop) -> None:
    told = words(thanked.type("explain", "tea", "102", "--rule", "sorry"))
    assert "✗ order.refunded has not happened" in told
    assert "thanks" not in told
    wrong = thanked.type("explain", "tea", "102", "--rule", "sory")
    assert (wrong.code, wrong.lines) == (2, ["there is no rule 'sory'; did you mean 'sorry'?"])


def test_an_order_from_before_is_told_apart_from_what_happened_since(thanked: Shop) -> None:
    told = words(thanked.type("explain", "tea", "101"))
    assert told.count("Before Aftersale looked after this store") == 1
    assert "What they wait for happened before they were switched on: thanks" in told
    assert "Nothing comes next by itself, as things stand." in told


def test_a_condition_that_does_not_hold_is_marked_with_what_it_saw(shop: Shop) -> None:
    shop.rules(
        """
        - id: big
          trigger: order.placed
          conditions: { order.total: { at_least: 1000 } }
          any_of: { order.status: completed, order.tags: { contains: vip } }
          none_of: { order.source: admin, order.test: { not: false } }
          actions: [ { add_note: Big } ]
        """
    )
    shop.begin()
    shop.order()
    shop.type("run", "--once")
    told = words(shop.type("explain", "tea", "102"))
    assert "big: it does not act, as what is marked ✗ does not hold" in told
    assert "✗ order.total must be at least 1000; it is 74.90 ILS" in told
    assert "✗ one of several: order.status must be completed; it is processing" in told
    assert "✗ one of several: order.tags must contain vip; it is missing" in told
    assert "✓ order.source must not be admin; it is checkout" in told
    assert "✓ order.test must be false; it is false" in told


def test_a_condition_that_time_alone_will_change_says_when(shop: Shop) -> None:
    shop.rules(
        """
        - id: old
          trigger: order.placed
          conditions: { order.created_at: { older_than: 3 days } }
          actions: [ { add_note: Old } ]
        """
    )
    shop.begin()
    shop.order()
    shop.type("run", "--once")
    told = words(shop.type("explain", "tea", "102"))
    assert re.search(
        r"✗ order.created_at must be older than 3 days; it is .{16} \(time alone changes that on .{16}\)", told
    )
    assert re.search(r"Next: .{16}, old is judged anew, as time alone may change it\.", told)


def test_what_was_stopped_is_told_with_the_reason(thanked: Shop) -> None:
    thanked.store.set_status(102, "cancelled")
    thanked.type("run", "--once")
    told = words(thanked.type("explain", "tea", "102"))
    assert "thanks (Thank you): stopped" in told
    assert "✗ stopped, as order.status is one of refunded, cancelled; it is cancelled" in told


def test_what_is_held_is_told_with_what_to_type(held: Shop) -> None:
    told = words(held.type("explain", "tea", "102"))
    assert "hello: step 1 waits for your approval" in told
    assert "'aftersale approve hello' shows it, and lets it go" in told
    assert "Nothing comes next by itself, as things stand." in told


# What is in the way -------------------------------------------------------------------------------------------


def test_a_pause_is_in_the_way(thanked: Shop) -> None:
    thanked.type("pause", "--rule", "thanks")
    told = words(thanked.type("explain", "tea", "102"))
    assert ", but something is in the way (✗)" in told
    assert "✗ the rule is paused since " in told
    assert "'aftersale resume' ends that" in told


def test_a_customer_who_is_not_to_be_written_to_is_in_the_way(thanked: Shop) -> None:
    email = thanked.store.order(102).billing["email"]
    thanked.type("suppression", "add", email)
    told = words(thanked.type("explain", "tea", "102"))
    assert "✗ no message goes out: this customer is on the suppression list since " in told
    assert email not in told


def test_an_address_that_is_missing_is_in_the_way(shop: Shop) -> None:
    shop.rules(THANKS)
    shop.begin()
    shop.order(billing={"first_name": "Dana", "email": ""})
    shop.type("run", "--once")
    told = words(shop.type("explain", "tea", "102"))
    assert "✗ no message goes out: the order has no e-mail address" in told


def test_a_cap_that_is_reached_puts_it_off_and_says_until_when(shop: Shop) -> None:
    shop.config(shop.store.url, "frequency_caps: [at most 1 message a week]\n")
    shop.rules(
        """
        - id: ask
          trigger: order.placed
          steps:
            - actions: [ { send: Hello } ]
            - wait: 2 days
              actions: [ { send: How was it } ]
        """
    )
    shop.begin()
    shop.order()
    assert shop.type("run", "--once").code == 0
    told = words(shop.type("explain", "tea", "102"))
    assert re.search(r"✗ put off until .{16}: this customer has had all that 'at most 1 message a week' allows", told)


def test_hours_and_quiet_times_that_moved_it_are_told(shop: Shop) -> None:
    hour = datetime.now(ZONE).hour
    shop.config(shop.store.url, f'quiet_times: "{hour:02}:00-{(hour + 2) % 24:02}:00"\n')
    shop.rules(
        f"""
        - id: note
          trigger: order.placed
          wait: 1 minute
          send_between: "{(hour + 4) % 24:02}:00-{(hour + 5) % 24:02}:00"
          actions: [ {{ add_note: Hello }} ]
        - {{ id: mail, trigger: order.placed, wait: 1 minute, actions: [ {{ send: Hello }} ] }}
        """
    )
    shop.begin()
    shop.order()
    shop.type("run", "--once")
    note = words(shop.type("explain", "tea", "102", "--rule", "note"))
    mail = words(shop.type("explain", "tea", "102", "--rule", "mail"))
    assert re.search(r"its wait is over at .{16}; moved from there by send_between \d\d:00-\d\d:00", note)
    assert re.search(r"its wait is over at .{16}; moved from there by quiet times", mail)


# As of another time -------------------------------------------------------------------------------------------


def test_the_past_is_told_as_far_as_it_is_recorded_and_the_rest_is_not_invented(thanked: Shop) -> None:
    told = words(thanked.type("explain", "tea", "102", "--at", "2026-01-01"))
    assert "As it stood on 2026-01-01 23:59." in told
    assert "Statuses, tags, addresses and amounts are as they are now, and so are the rules" in told
    assert "The order was made later, on " in told
    assert "order.placed)" not in told.partition("Other rules")[0]


def test_before_a_step_was_done_it_was_planned(thanked: Shop) -> None:
    placed = datetime.fromisoformat(thanked.type("explain", "tea", "102", "--json").json["events"][0]["at"])
    told = words(thanked.type("explain", "tea", "102", "--at", placed.isoformat()))
    assert "thanks (Thank you): step 1 is planned for " in told
    assert "What became of 3 actions after that is left out." in told


def test_the_future_tells_what_will_be_due_if_nothing_changes(thanked: Shop) -> None:
    later = wall(days=3)
    result = thanked.type("explain", "tea", "102", "--at", later)
    told = words(result)
    assert f"As it will stand on {later}, if nothing changes until then." in told
    assert re.search(r"Step 2, send: due on .{16}: done by the first run after that", told)
    assert re.search(r"By then: .{16}, step 2 of thanks \(send\)\.", told)


def test_conditions_are_judged_as_of_that_time(shop: Shop) -> None:
    shop.rules(
        """
        - id: old
          trigger: order.placed
          conditions: { order.created_at: { older_than: 3 days } }
          actions: [ { add_note: Old } ]
        """
    )
    shop.begin()
    shop.order()
    shop.type("run", "--once")
    [now] = shop.type("explain", "tea", "102", "--json").json["rules"]
    [then] = shop.type("explain", "tea", "102", "--json", "--at", wall(days=4)).json["rules"]
    assert (now["reasons"][-1]["held"], then["reasons"][-1]["held"]) == (False, True)
    assert (now["steps"], then["outcome"]) == ([], "wanted")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-06-01", "2026-06-01T20:59:59Z"),  # the end of that day in the shop
        ("2026-06-01 09:00", "2026-06-01T06:00:00Z"),
        ("2026-06-01T09:00+02:00", "2026-06-01T07:00:00Z"),
        ("2026-06-01T09:00:00Z", "2026-06-01T09:00:00Z"),
        ("2026-03-27 02:30", "2026-03-27T00:00:00Z"),  # the clocks skip it
    ],
)
def test_times_are_taken_as_people_write_them(thanked: Shop, typed: str, meant: str) -> None:
    assert thanked.type("explain", "tea", "102", "--json", "--at", typed).json["at"] == meant


@pytest.mark.parametrize("typed", ["2026-13-01", "yesterday", "", "9999-12-31", "0001-01-01", "2026-06-01 25:00"])
def test_what_is_no_time_is_a_mistake_in_a_line(thanked: Shop, typed: str) -> None:
    result = thanked.type("explain", "tea", "102", "--at", typed)
    assert result.code == 2
    how = "write 2026-11-20 (the end of that day), '2026-11-20 09:00' (in the store's time zone)"
    assert result.lines == [f"--at: '{typed}' is no time; {how} or 2026-11-20T09:00+02:00"]


def test_programs_get_what_they_got_and_what_comes_next(thanked: Shop) -> None:
    told = thanked.type("explain", "tea", "102", "--json").json
    assert list(told) == ["store", "order", "at", "facts", "unwritable", "events", "rules", "next"]
    [following] = told["next"]
    assert (following["what"], following["rule"]) == ("step 2 of thanks (send)", "thanks")
    assert datetime.fromisoformat(following["at"]) > datetime.now(UTC)
    assert told["rules"][0]["obstacles"] == []
