"""`approve`, `settle`, `pause` and `resume`: the way out of whatever waits for a person."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connector.store.database import locked
from tests.cli.conftest import Shop


def states(shop: Shop) -> list[tuple[str, int, str]]:
    rows = [*shop.rows("history"), *shop.rows("pending")]
    return sorted((row["order"], row["step"], row["state"]) for row in rows)


# approve ------------------------------------------------------------------------------------------------------


def test_what_is_approved_goes_out_at_the_next_run(held: Shop) -> None:
    result = held.type("approve")
    assert result.code == 0
    assert "Let go: 3 actions of rule 'hello' (order 102, 103, 104)" in result.out.splitlines()
    assert held.type("run", "--once").code == 0
    assert [held.notes(number) for number in ("102", "103", "104")] == [["Hello 102"], ["Hello 103"], ["Hello 104"]]


def test_a_rule_may_be_approved_by_its_id_and_an_action_by_its_own(held: Shop) -> None:
    first, *_ = held.rows("history")
    assert held.type("approve", str(first["id"])).code == 0
    assert [row["state"] for row in held.rows("history")] == ["held", "held"]
    assert held.type("approve", "hello").code == 0
    assert held.rows("history") == []


def test_before_anything_is_let_go_it_is_shown_by_rule(held: Shop) -> None:
    with closing(sqlite3.connect(held.folder / "aftersale.db")) as state, state:
        state.execute("UPDATE followups SET planned_at = '2026-06-01 06:00:00.000000' WHERE number = '102'")
        state.execute("UPDATE followups SET planned_at = '2026-06-01 09:30:00.000000' WHERE number <> '102'")
        state.execute("UPDATE followups SET expires_at = '2026-06-08 06:00:00.000000' WHERE number = '102'")
        state.execute("UPDATE followups SET person = 'same' WHERE number <> '102'")
    told = " ".join(held.type("approve").out.split())
    assert told.startswith(
        "Rule 'hello': 3 actions for 2 customers, due from 2026-06-01 09:00 to 2026-06-01 12:30 (Asia/Jerusalem) "
        "Order 102, 103, 104 "
        "held: 3 follow-ups of this rule within an hour, and its max_per_run is 1 "
        "Too late by now: 1 of them will expire, whatever you say. "
        "Let go: "
    )


def at_a_terminal(shop: Shop, answer: bytes, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal at which somebody types."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    command = shop.command(*arguments)
    ended = subprocess.run(
        command, check=False, cwd=shop.folder, env=shop.environment(), stdin=theirs, capture_output=True, text=True
    )
    os.close(ours)
    os.close(theirs)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"])
def test_on_a_terminal_nothing_is_let_go_without_a_yes(held: Shop, answer: bytes) -> None:
    code, out = at_a_terminal(held, answer, "approve")
    assert (code, {row["state"] for row in held.rows("history")}) == (2, {"held"})
    assert "Rule 'hello': 3 actions" in out
    assert out.endswith("nothing was changed\n")


@pytest.mark.parametrize(("answer", "options"), [(b"y\n", ()), (b"", ("--yes",)), (b"", ("--json",))])
def test_with_a_yes_it_is_let_go(held: Shop, answer: bytes, options: tuple[str, ...]) -> None:
    code, _ = at_a_terminal(held, answer, "approve", *options)
    assert (code, held.rows("history")) == (0, [])


def test_what_is_dropped_never_goes_out_and_the_next_step_is_planned(held: Shop) -> None:
    result = held.type("approve", "hello", "--drop")
    assert "Dropped: 3 actions of rule 'hello' (order 102, 103, 104)" in result.out.splitlines()
    assert {(row["state"], row["reason"]) for row in held.rows("history")} == {("skipped", "dropped by a person")}
    assert [row["step"] for row in held.rows("pending")] == [2, 2, 2]
    assert held.type("run", "--once").code == 0
    assert held.writes() == []


def test_approving_what_is_not_held_is_a_mistake_and_changes_nothing(held: Shop) -> None:
    result = held.type("approve", "hello", "helo")
    assert result.code == 2
    assert "did you mean 'hello'?" in result.err
    assert {row["state"] for row in held.rows("history")} == {"held"}


def test_with_nothing_held_approve_says_so(noted: Shop) -> None:
    result = noted.type("approve")
    assert (result.code, result.out) == (0, "Nothing is held for your approval.\n")


def test_what_is_approved_at_night_waits_for_the_hours_of_its_rule(shop: Shop) -> None:
    shop.config(shop.store.url, 'business_hours: { mon: "03:00-03:01" }\n')
    shop.rules(
        """
        - id: hello
          trigger: order.placed
          actions: [ { add_note: Hello } ]
        """
    )
    shop.begin()
    shop.order()
    shop.type("run", "--once", "--mode", "live")
    with closing(sqlite3.connect(shop.folder / "aftersale.db")) as state, state:
        state.execute("UPDATE followups SET state = 'held', held_for = 'approval', final = 0")
    text = (shop.folder / "rules" / "rules.yaml").read_text()
    hours = "trigger: order.placed\n    send_between: business_hours"
    (shop.folder / "rules" / "rules.yaml").write_text(text.replace("trigger: order.placed", hours))
    [row] = shop.type("approve", "--json").json
    assert row["due_at"].endswith((":00:00Z", ":01:00Z"))
    assert row["state"] == "pending"


# settle -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unknown(noted: Shop) -> Shop:
    """A shop in which nobody knows whether a note was written; it was not."""
    noted.order()
    noted.store.fail_next("500", match=lambda request: request.method == "POST")
    assert noted.type("run", "--once").code == 1
    return noted


def long_ago(shop: Shop, state: str) -> None:
    """As if the open outcome were a day old, and in this state."""
    with closing(sqlite3.connect(shop.folder / "aftersale.db")) as connection, connection:
        connection.execute(
            "UPDATE followups SET intent_at = '2026-01-01 00:00:00.000000', state = ?, held_for = ? "
            "WHERE state = 'unknown'",
            (state, "outcome" if state == "held" else None),
        )


def test_the_store_is_asked_again_and_what_it_says_counts(unknown: Shop) -> None:
    long_ago(unknown, "unknown")
    result = unknown.type("settle", "--json")
    assert result.code == 0
    assert [(row["state"], row["reason"]) for row in result.json] == [
        ("pending", "it did not happen: to be tried anew")
    ]
    unknown.type("run", "--once")
    assert unknown.notes("102") == ["Hello 102"]


def test_what_went_out_all_the_same_is_found(noted: Shop) -> None:
    noted.order()
    noted.store.fail_next("500", match=lambda request: request.method == "POST", after_commit=True)
    noted.store.fail_next("500", match=lambda request: request.path.endswith("/notes"), times=None)
    assert noted.type("run", "--once").code == 1
    noted.store.faults.clear()
    assert [row["state"] for row in noted.type("settle", "--json").json] == ["done"]


def test_a_person_may_say_that_it_went_out(unknown: Shop) -> None:
    long_ago(unknown, "held")
    assert unknown.type("status").code == 4
    result = unknown.type("settle", "--sent")
    assert result.code == 0
    assert states(unknown) == [("102", 1, "done"), ("102", 2, "pending")]
    unknown.type("run", "--once")
    assert unknown.notes("102") == []


def test_a_person_may_say_that_it_did_not(unknown: Shop) -> None:
    long_ago(unknown, "held")
    [row] = unknown.rows("history")
    assert unknown.type("settle", str(row["id"]), "--not-sent").code == 0
    assert states(unknown) == [("102", 1, "pending")]
    unknown.type("run", "--once")
    assert unknown.notes("102") == ["Hello 102"]


def test_settling_does_not_race_a_run(unknown: Shop) -> None:
    with locked(f"sqlite:///{unknown.folder / 'aftersale.db'}"):
        assert unknown.type("settle").code == 3


def test_a_store_that_cannot_be_asked_is_told(unknown: Shop) -> None:
    unknown.store.stop()
    result = unknown.type("settle")
    assert result.code == 1
    assert [row["state"] for row in unknown.rows("history")] == ["unknown"]


def test_a_copy_of_the_store_is_not_asked_what_went_out(unknown: Shop) -> None:
    long_ago(unknown, "unknown")
    unknown.store.become_another_store()
    result = unknown.type("settle")
    assert result.code == 1
    assert "not the store it was" in result.err
    assert [row["state"] for row in unknown.rows("history")] == ["unknown"]


def test_settling_what_is_settled_is_a_mistake(noted: Shop) -> None:
    assert noted.type("settle", "7", "--sent").code == 2
    assert noted.type("settle", "--sent", "--not-sent").code == 2
    assert noted.type("settle").out == "Nothing is open: every outcome is known.\n"


# pause and resume ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "everything"),
        (("--store", "tea"), "store 'tea'"),
        (("--rule", "hello"), "rule 'hello'"),
        (("--store", "tea", "--rule", "hello"), "rule 'hello' in store 'tea'"),
    ],
)
def test_what_is_paused_waits_until_it_is_resumed(noted: Shop, options: tuple[str, ...], told: str) -> None:
    paused = noted.type("pause", *options).out.splitlines()
    assert paused[0].startswith(f"paused: {told}, since ")
    assert paused[1] == "Nothing is planned there just now."
    number = noted.order()
    assert noted.type("run", "--once").code == 0
    assert noted.notes(number) == []
    assert "paused since " in noted.type("status").out.lower()
    assert noted.type("resume", *options).out.splitlines() == [
        f"Resumed: {told}, paused just now: 1 action due.",
        "What is due is done by the next run, within the hours that each rule keeps.",
        "Nothing is paused.",
    ]
    noted.type("run", "--once")
    assert noted.notes(number) == [f"Hello {number}"]


def test_resume_alone_ends_every_pause(noted: Shop) -> None:
    noted.type("pause", "--rule", "hello")
    noted.type("pause", "--store", "tea")
    assert noted.type("resume", "--json").json == {"paused": []}


def test_pausing_tells_what_waits_and_what_will_be_too_late(noted: Shop) -> None:
    noted.rules(
        """
        - { id: now, trigger: order.placed, actions: [ { send: Hello } ] }
        - { id: later, trigger: order.placed, wait: 30 days, actions: [ { add_note: Later } ] }
        """
    )
    noted.type("run", "--once")
    noted.type("pause")
    noted.order()
    noted.type("run", "--once")
    expires = datetime.now(ZoneInfo("Asia/Jerusalem")) + timedelta(days=7)
    told = noted.type("pause").out.splitlines()
    assert told[1:] == [
        "Waiting: 1 action due now, 1 planned for later.",
        f"Unless resumed, 1 of them expire within a week, the first on {expires:%Y-%m-%d %H:%M}.",
    ]


def test_resuming_tells_what_has_expired_meanwhile(noted: Shop) -> None:
    noted.rules("- { id: now, trigger: order.placed, expires_after: 1 hour, actions: [ { add_note: Now } ] }")
    noted.type("run", "--once")
    noted.type("pause")
    noted.order()
    noted.type("run", "--once")
    with closing(sqlite3.connect(noted.folder / "aftersale.db")) as state, state:
        hour_ago = f"{datetime.now(UTC) - timedelta(minutes=61):%Y-%m-%d %H:%M:%S.%f}"
        state.execute("UPDATE followups SET due_at = ?, expires_at = ?", (hour_ago, hour_ago))
        state.execute("UPDATE pauses SET at = '2026-01-01 00:00:00.000000'")
    out = " ".join(noted.type("resume").out.split())
    assert "nothing is due just now; 1 action expired meanwhile, and will not be done." in out


def test_resuming_tells_what_the_breaker_will_hold(noted: Shop) -> None:
    noted.rules("- { id: hello, trigger: order.placed, max_per_run: 2, actions: [ { add_note: Hello } ] }")
    noted.type("run", "--once")
    noted.type("pause", "--rule", "hello")
    for _ in range(3):
        noted.order()
    noted.type("run", "--once")
    out = " ".join(noted.type("resume", "--rule", "hello").out.split())
    assert "Rule 'hello' would act on 3 follow-ups within an hour; its max_per_run is 2" in out
    assert noted.type("run", "--once").code == 4
    assert noted.writes() == []


@pytest.mark.parametrize("file", ["rules/rules.yaml", "templates/hello/en.md"])
def test_a_mistake_in_the_rules_keeps_nobody_from_pausing(noted: Shop, file: str) -> None:
    noted.order()
    noted.write(file, "---\nnonsense: [\n")
    assert noted.type("run", "--once").code == 2
    paused = noted.type("pause", "--rule", "hello")
    assert (paused.code, paused.out.partition(",")[0]) == (0, "paused: rule 'hello'")
    assert paused.lines == [
        "config.yaml: its rules or templates have mistakes ('aftersale check' lists them); this works all the same"
    ]
    assert noted.type("pause", "--rule", "helo").lines[-1] == "there is no rule 'helo'; did you mean 'hello'?"
    assert noted.type("resume", "--json").json == {"paused": []}


def test_an_unknown_store_or_rule_cannot_be_paused(noted: Shop) -> None:
    assert noted.type("pause", "--store", "tae").lines == ["there is no store 'tae'; did you mean 'tea'?"]
    assert noted.type("pause", "--rule", "helo").lines == ["there is no rule 'helo'; did you mean 'hello'?"]
    assert noted.type("resume", "--rule", "hello").code == 2
