"""`aftersale plan`: what an edit will change, told before it does; and `require_approval`, which waits for that."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Shop

RULES = """
- id: hello
  trigger: order.placed
  steps:
    - wait: 1 day
      actions: [ { add_note: "Hello {{ order.number }}" } ]
    - wait: 2 days
      actions: [ { add_note: Later } ]
- id: thanks
  trigger: order.placed
  wait: 3 hours
  actions: [ { send: { template: thanks } }, { add_note: Thanked } ]
"""
KEEP = RULES.replace("- id: hello\n", "- id: hello\n  in_flight: keep\n")
THIRD = """
- id: third
  trigger: order.placed
  backfill: 2 days
  wait: 5 hours
  actions: [ { add_note: Third } ]
"""
KINDS = ("added", "moved", "cancelled", "changed")


@pytest.fixture
def planned(shop: Shop) -> Shop:
    """A shop with seven orders, each with a 'hello' and two actions of 'thanks' planned."""
    shop.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nThank you")
    shop.rules(RULES)
    shop.begin()
    for _ in range(7):
        shop.order()
    assert shop.type("run", "--once").code == 0
    return shop


def foreseen(shop: Shop, *options: str) -> dict[str, tuple[list[str], dict[str, int]]]:
    """By rule: how it was edited, and how many planned actions that changes, by kind."""
    rules = shop.type("plan", "--json", *options).json["stores"]["tea"]["rules"]
    return {
        each["rule"]: (each["how"], {kind: each[kind]["count"] for kind in KINDS if each[kind]["count"]})
        for each in rules
    }


def state(shop: Shop) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for command in ("pending", "history") for row in shop.rows(command)}


def done_by_a_run(shop: Shop) -> Counter[str]:
    """What the next run really changes."""
    before = state(shop)
    assert shop.type("run", "--once").code == 0
    kinds: Counter[str] = Counter()
    for id_, row in state(shop).items():
        was = before.get(id_)
        if was is None or (was["state"] != "pending" and row["state"] == "pending"):
            kinds["added"] += 1
        elif was["state"] == "pending" and row["state"] == "skipped":
            kinds["cancelled"] += 1
        elif was["state"] == "pending" and was["due_at"] != row["due_at"]:
            kinds["moved"] += 1
    return kinds


def raw(shop: Shop) -> bytes:
    return (shop.folder / "aftersale.db").read_bytes()


# What it says -------------------------------------------------------------------------------------------------


def test_without_an_edit_nothing_changes(planned: Shop) -> None:
    result = planned.type("plan")
    assert (result.code, result.out) == (0, "Not edited since the last run, so nothing changes.\n")
    planned.rules("# a comment\n" + RULES.replace("- id: hello", "- id: hello\n  name: Hello!"))
    assert planned.type("plan").out == "Not edited since the last run, so nothing changes.\n"


def test_an_edited_wait_moves_what_is_planned_and_is_shown_with_examples(planned: Shop) -> None:
    planned.rules(RULES.replace("wait: 1 day", "wait: 2 days"))
    result = planned.type("plan")
    assert result.code == 0
    assert "hello: edited\n  Planned actions: 7 moved." in result.out
    lines = [line.split() for line in result.out.splitlines() if line.strip().startswith("moved")]
    assert [line[1] for line in lines] == ["102", "103", "104", "105", "106"]
    for _, _, _, _, _, day, time, arrow, next_day, same_time in lines:
        assert (arrow, same_time) == ("→", time)
        assert date.fromisoformat(next_day) - date.fromisoformat(day) == timedelta(days=1)
    assert "2 more moved" in result.out
    assert "1 other rule is as it was.\nTimes are Asia/Jerusalem." in result.out


@pytest.mark.parametrize(
    ("edited", "rule", "how", "changes"),
    [
        (RULES.replace("Hello {{", "Good day {{"), "hello", ["edited"], {"changed": 7}),
        (RULES.replace("add_note: Later", "add_tag: later"), "hello", ["edited"], {}),
        (RULES.replace("- id: thanks", "- id: thanks\n  max_per_run: 5"), "thanks", ["edited"], {}),
        (RULES.replace(", { add_note: Thanked }", ""), "thanks", ["edited"], {"cancelled": 7}),
        (RULES.replace("Thanked }", "Thanked }, { add_tag: thanked }"), "thanks", ["edited"], {"added": 7}),
        (
            RULES.replace("- id: thanks", "- id: thanks\n  enabled: false"),
            "thanks",
            ["switched off"],
            {"cancelled": 14},
        ),
        (RULES.replace("- id: thanks", "- id: thx\n  was: thanks"), "thx", ["renamed"], {}),
        (RULES.replace("- id: thanks", "- id: thx"), "thanks", ["gone"], {"cancelled": 14}),
        (RULES + THIRD, "third", ["new"], {"added": 7}),
        (RULES + THIRD.replace("  backfill: 2 days\n", ""), "third", ["new"], {}),
        (KEEP.replace("wait: 1 day", "wait: 2 days"), "hello", ["edited"], {}),
        (
            RULES.replace("wait: 3 hours", "wait: 3 hours\n  expires_after: 1 day"),
            "thanks",
            ["edited"],
            {"changed": 14},
        ),
    ],
)
def test_every_kind_of_edit_is_told_by_its_name(
    planned: Shop, edited: str, rule: str, how: list[str], changes: dict[str, int]
) -> None:
    planned.rules(edited)
    assert foreseen(planned)[rule] == (how, changes)


def test_another_text_in_a_template_changes_what_is_planned_with_it(planned: Shop) -> None:
    planned.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nThanks a lot")
    assert foreseen(planned) == {"hello": ([], {}), "thanks": (["other templates"], {"changed": 7})}


def test_other_hours_of_the_store_move_what_is_planned(planned: Shop) -> None:
    planned.config(planned.store.url, 'quiet_times: "00:00-23:59"\n')
    assert planned.type("plan", "--json").json["stores"]["tea"]["other_hours"] is True
    assert foreseen(planned)["thanks"] == ([], {"moved": 14})
    assert done_by_a_run(planned) == {"moved": 14}
    assert foreseen(planned)["thanks"] == ([], {})


def test_who_goes_on_as_they_began_is_told(planned: Shop) -> None:
    planned.rules(KEEP.replace("wait: 1 day", "wait: 2 days"))
    told = " ".join(planned.type("plan", "--rule", "hello").out.split())
    begun = "7 planned actions of those for whom it has begun stay as they are: in_flight is 'keep'."
    assert told.startswith(f"hello: edited Nothing that is planned changes. {begun}")


def test_one_rule_may_be_asked_about(planned: Shop) -> None:
    planned.rules(RULES.replace("wait: 1 day", "wait: 2 days").replace("3 hours", "4 hours") + THIRD)
    assert foreseen(planned, "--rule", "thanks") == {"thanks": (["edited"], {"moved": 14})}
    assert foreseen(planned, "--store", "tea").keys() == {"hello", "thanks", "third"}


# What it does -------------------------------------------------------------------------------------------------


def test_nothing_is_written_to_the_state_and_no_store_is_asked(planned: Shop) -> None:
    planned.rules(RULES.replace("wait: 1 day", "wait: 2 days") + THIRD)
    before, asked = raw(planned), len(planned.store.requests)
    assert planned.type("plan").code == 0
    assert raw(planned) == before
    assert len(planned.store.requests) == asked
    assert sorted(each.name for each in planned.folder.glob("aftersale.db*")) == ["aftersale.db", "aftersale.db.lock"]


@pytest.mark.parametrize(
    "edited",
    [
        RULES.replace("wait: 1 day", "wait: 2 days") + THIRD,
        RULES.replace("order.placed\n  wait", "order.placed\n  once_per: customer\n  wait"),
        RULES.replace("Thanked }", "Thanked }, { add_tag: thanked }").replace("- id: hello", "- id: hi\n  was: hello"),
        RULES.replace("wait: 3 hours", "wait: 3 hours\n  conditions: { order.total: { at_least: 100000 } }"),
        THIRD,
    ],
)
def test_the_next_run_changes_just_what_was_foreseen(planned: Shop, edited: str) -> None:
    planned.rules(edited)
    told: Counter[str] = Counter()
    for _, changes in foreseen(planned).values():
        told.update({kind: number for kind, number in changes.items() if kind != "changed"})
    assert told
    assert done_by_a_run(planned) == told
    assert planned.type("plan").out == "Not edited since the last run, so nothing changes.\n"


def test_history_tells_by_which_version_of_a_rule_something_was_done(planned: Shop) -> None:
    with closing(sqlite3.connect(planned.folder / "aftersale.db")) as connection, connection:
        connection.execute("UPDATE versions SET since = '2026-11-03 07:30:00.000000'")
        connection.execute("UPDATE followups SET state = 'done', final = 1 WHERE rule = 'hello' AND number = '102'")
    assert "hello, step 1: add_note" in planned.type("history").out
    planned.rules(RULES.replace("Hello", "Good day"))
    planned.type("run", "--once")
    assert "hello (as of 2026-11-03 09:30), step 1: add_note" in planned.type("history").out
    assert "by the rule as of 2026-11-03 09:30" in planned.type("explain", "tea", "102").out
    by = {(row["order"], row["version"]) for row in planned.rows("pending") + planned.rows() if row["rule"] == "hello"}
    assert len({version for _, version in by}) == 2
    assert {len(version) for _, version in by} == {8}


# Approval -----------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(planned: Shop) -> Shop:
    """The same shop, in which edits need approval, and one waits for it."""
    planned.config(planned.store.url, "require_approval: true\n")
    planned.rules(RULES.replace("wait: 3 hours", "wait: 4 hours").replace("- id: hello", "- id: hi\n  was: hello"))
    return planned


def test_an_edit_that_awaits_approval_is_shown_and_ends_with_4(waiting: Shop) -> None:
    result = waiting.type("plan")
    assert result.code == 4
    assert "thanks: edited\n  Planned actions: 14 moved." in result.out
    assert "This awaits your approval: 'aftersale plan --approve'." in result.out
    assert waiting.type("plan", "--json").json["awaits_approval"] is True


def test_until_it_is_approved_all_goes_on_as_before(waiting: Shop) -> None:
    before = state(waiting)
    new = waiting.order()
    result = waiting.type("run", "--once")
    assert result.code == 4
    assert "The rules on disk were edited and await your approval" in result.out
    after = state(waiting)
    assert {id_: after[id_] for id_ in before} == before
    assert {row["rule"] for row in after.values() if row["order"] == new} == {"hello", "thanks"}
    status = waiting.type("status")
    assert (status.code, "The rules on disk were edited and await your approval" in status.out) == (4, True)


def test_so_do_the_templates(waiting: Shop) -> None:
    waiting.rules(RULES.replace("wait: 3 hours", "backfill: 1 day"))
    waiting.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nUnseen")
    assert waiting.type("plan", "--approve").code == 0
    waiting.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nNot approved")
    assert waiting.type("run", "--once").code == 4
    assert waiting.store.mails == []
    waiting.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nUnseen")
    assert waiting.type("run", "--once").code == 0
    assert {"Unseen" in mail.body for mail in waiting.store.mails} == {True}
    waiting.write("templates/thanks/en.md", "---\nsubject: Thanks\n---\nNot approved")
    waiting.order()
    assert waiting.type("run", "--once").code == 4
    assert {"Unseen" in mail.body for mail in waiting.store.mails} == {True}


def test_once_approved_it_comes_into_force_with_the_next_run(waiting: Shop) -> None:
    result = waiting.type("plan", "--approve")
    assert result.code == 0
    assert "Approved. The next run does this" in result.out
    assert done_by_a_run(waiting) == {"moved": 14}
    assert waiting.type("status").code == 0
    assert waiting.type("plan", "--approve").out.endswith("Nothing waits for your approval.\n")


def test_what_is_edited_after_it_was_approved_waits_anew(waiting: Shop) -> None:
    waiting.type("plan", "--approve")
    waiting.rules(RULES.replace("wait: 3 hours", "wait: 5 hours"))
    assert waiting.type("run", "--once").code == 4
    assert {row["rule"] for row in waiting.rows("pending")} == {"hello", "thanks"}
    waiting.rules(RULES)
    assert waiting.type("run", "--once").code == 0


def test_what_a_person_lets_go_goes_by_the_rules_in_force(held: Shop) -> None:
    held.config(held.store.url, "require_approval: true\n")
    path = held.folder / "rules" / "rules.yaml"
    path.write_text(path.read_text().replace("Hello", "Unseen").replace("2 days", "5 days"))
    assert held.type("approve").code == 0
    assert held.type("run", "--once").code == 4
    assert [held.notes(number) for number in ("102", "103", "104")] == [["Hello 102"], ["Hello 103"], ["Hello 104"]]


def test_rules_in_force_that_fit_the_config_no_more_stop_the_run_in_a_line(waiting: Shop) -> None:
    text = 'business_hours: { sun-thu: "09:00-18:00" }\nrequire_approval: true\n'
    waiting.config(waiting.store.url, text)
    timed = RULES.replace("wait: 3 hours", "wait: 3 hours\n  send_between: business_hours")
    waiting.rules(timed)
    waiting.type("plan", "--approve")
    waiting.type("run", "--once")
    waiting.config(waiting.store.url, "require_approval: true\n")
    waiting.rules(RULES)
    result = waiting.type("run", "--once")
    assert result.code == 2
    (line,) = result.lines
    assert "the rules in force, until you approve those on disk, do not fit the configuration any more" in line
    assert "'aftersale plan --approve'" in line
    assert waiting.type("plan", "--approve").code == 0
    assert waiting.type("run", "--once").code == 0


# Bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--rule", "helo"), "there is no rule 'helo'; did you mean 'hello'?"),
        (("--store", "te"), "there is no store 'te'; did you mean 'tea'?"),
        (("--approve",), "nothing waits for approval: 'require_approval' is not set in config.yaml"),
        (("--approve", "--rule", "hello"), "--approve goes for all that was edited: leave out --rule and --store"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(planned: Shop, options: tuple[str, ...], told: str) -> None:
    result = planned.type("plan", *options)
    assert (result.code, result.lines) == (2, [told])


def test_before_the_first_run_there_is_nothing_to_compare_with(shop: Shop) -> None:
    shop.rules(RULES.split("- id: thanks")[0])
    result = shop.type("plan")
    assert (result.code, result.lines) == (2, ["config.yaml has not run yet: begin with 'aftersale run --once'"])


def test_a_mistake_on_disk_is_told_with_its_place(planned: Shop) -> None:
    planned.rules(RULES.replace("order.placed", "order.plced"))
    result = planned.type("plan")
    assert result.code == 2
    assert "did you mean 'order.placed'?" in result.lines[0]


def test_an_old_rule_under_a_new_id_is_refused_as_a_run_would(planned: Shop) -> None:
    planned.rules(RULES + THIRD)
    planned.type("run", "--once")
    planned.rules(RULES + THIRD.replace("id: third", "id: fourth"))
    result = planned.type("plan")
    assert result.code == 2
    assert "rule 'fourth' does just what 'third' did" in result.err
