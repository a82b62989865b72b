"""`python -m torture.mutants [NAME…]`: seeded bugs, one at a time in a copy of the tree; the net has to catch each.

Exit 1 if one survives. A bug is a search and a replacement; the text has to stand in the file exactly once.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torture.worker import ROOT

PATIENCE = 600.0
"""Seconds for one file of the net: many times what it takes, as nobody has said how busy the machine is."""

COPIED = ("adapters", "rules", "connector", "tests", "torture", "bench", "pyproject.toml", "README.md")


@dataclass(frozen=True)
class Mutant:
    """A bug, and the tests that are to catch it: files of the suite, each with `::` and a test if one is enough."""

    name: str
    file: str
    search: str
    replacement: str
    net: tuple[str, ...]


CRASHES = "tests/torture/test_crashes.py"
FAULTS = "tests/torture/test_faults.py"
STORIES = "tests/torture/test_stories.py"
OVERLOAD = "tests/torture/test_overload.py"
MESSAGES = "tests/torture/test_messages.py"
PROTECTION = "tests/connector/test_protection.py"
HARDSHIPS = "tests/torture/test_hardships.py"
CUSTOMERS = "tests/torture/test_customers.py"
PEOPLE = "tests/connector/test_customers.py"

MUTANTS = (
    Mutant(
        "the intent is not recorded before the call",
        "connector/acting.py",
        '        state="unknown",\n',
        '        state="pending",\n',
        (CRASHES, FAULTS),
    ),
    Mutant(
        "an unknown outcome is tried again without a look-up",
        "connector/settling.py",
        "        return look_up(shop, row, _prepared(row), row.intent_at)\n",
        "        return Absent()\n",
        (FAULTS, "tests/connector/test_never_twice.py"),
    ),
    Mutant(
        "a message of another order to the same phone is taken for the one that was lost",
        "connector/settling.py",
        "    if prepared.message is not None and prepared.channel is not None:\n",
        "    if prepared.channel == 'none':\n",
        ("tests/connector/test_channel_faults.py",),
    ),
    Mutant(
        "an absence is believed at once",
        "connector/settling.py",
        "SETTLES_AFTER = timedelta(minutes=10)",
        "SETTLES_AFTER = timedelta(0)",
        ("tests/connector/test_never_twice.py",),
    ),
    Mutant(
        "the cursor has no overlap",
        "adapters/woocommerce/walk.py",
        "OVERLAP = timedelta(minutes=5)",
        "OVERLAP = timedelta(minutes=-5)",
        (FAULTS, "tests/adapters/test_woocommerce_walk.py"),
    ),
    Mutant(
        "the cursor moves before its page is stored",
        "connector/poller.py",
        "                ingested = ingest(connection, shop, seen, now, state.past_until)\n",
        "                stores.update(connection, shop.id, cursor=page.cursor)\n                connection.commit()\n"
        "                ingested = ingest(connection, shop, seen, now, state.past_until)\n",
        (CRASHES, HARDSHIPS, "tests/connector/test_polling.py"),
    ),
    Mutant(
        "one follow-up may be recorded twice",
        "connector/reconciler.py",
        "            if row is None:\n",
        "            if row is None or row.final:\n",
        (STORIES, "tests/connector/test_reconciler.py"),
    ),
    Mutant(
        "the unique key is missing",
        "connector/store/tables.py",
        '    sa.UniqueConstraint("store", "rule", "subject", "step", "action"),\n',
        "",
        ("tests/connector/test_state.py",),
    ),
    Mutant(
        "names are not escaped",
        "rules/templates.py",
        "    return str(escape(text))\n",
        "    return text\n",
        ("tests/rules/test_templates.py",),
    ),
    Mutant(
        "the claim does not look whether the step is under way",
        "connector/acting.py",
        'any(row.state in ("unknown", "held") for row in rows) or ',
        "",
        ("tests/connector/test_open_outcomes.py",),
    ),
    Mutant(
        "what has an open outcome beside it is due all the same",
        "connector/store/followups.py",
        "        ~_AWAITED,\n",
        "",
        ("tests/connector/test_open_outcomes.py",),
    ),
    Mutant(
        "a 5xx is taken for a sure no",
        "adapters/http.py",
        "        if answer.status >= 500 or answer.status in",
        "        if answer.status in",
        (FAULTS,),
    ),
    Mutant(
        "a reset is taken for a sure no",
        "adapters/http.py",
        "            if _surely_not_done(error, body):\n",
        "            if True:\n",
        (FAULTS,),
    ),
    Mutant(
        "Retry-After is ignored",
        "connector/waiting.py",
        "    if asked is not None:\n",
        "    if asked is not None and asked < 0:\n",
        ("tests/connector/test_never_twice.py", "tests/connector/test_brakes.py", "tests/connector/test_cycle.py"),
    ),
    Mutant(
        "the past fires",
        "connector/ingest.py",
        "past if is_past else present",
        "present",
        ("tests/connector/test_baseline.py",),
    ),
    Mutant(
        "what expired is done all the same",
        "connector/store/followups.py",
        "_rows(*_due(store, now), followups.c.expires_at < now)",
        "_rows(*_due(store, now), followups.c.expires_at < followups.c.due_at)",
        ("tests/connector/test_brakes.py",),
    ),
    Mutant(
        "business hours are not looked at",
        "connector/judging.py",
        "    return good_time_of(judged.wanted.step, order, moment, shop.calendar, shop.protection.quiet)\n",
        "    return moment\n",
        ("tests/connector/test_brakes.py", "tests/connector/test_look_again.py", "tests/connector/test_clocks.py"),
    ),
    Mutant(
        "one person's follow-ups are acted on side by side",
        "connector/acting.py",
        "        queues.setdefault(step[0].person, []).append(step)\n",
        "        queues.setdefault(str(len(queues)), []).append(step)\n",
        ("tests/connector/test_parallel.py",),
    ),
    Mutant(
        "an edited rule is not planned again",
        "connector/opening.py",
        "        if is_edited:\n",
        "        if False:\n",
        (STORIES, "tests/connector/test_reconciler.py", "tests/connector/test_switch_on.py"),
    ),
    Mutant(
        "Shopify's mark of a try is not written",
        "adapters/shopify/messages.py",
        "    trying = _begin(client, order_id, key, claimed)\n",
        "    trying = claimed\n",
        (CRASHES, FAULTS),
    ),
    Mutant(
        "a note that is found on Shopify is not marked as ours",
        "adapters/shopify/notes.py",
        "        if not _is_done(seen):\n            _mark_done(client, order_id, ours, key, seen)\n",
        "",
        ("tests/adapters/test_shopify_writes.py",),
    ),
    Mutant(
        "the circuit does not hold what is far more than usual",
        "rules/breakers.py",
        "    if load.within_hour > max_per_run:\n",
        "    if load.within_hour > max_per_run * 100:\n",
        (OVERLOAD,),
    ),
    Mutant(
        "what is far more than a usual day is not held",
        "rules/breakers.py",
        "TIMES = 5\n",
        "TIMES = 500\n",
        ("tests/rules/test_breakers.py",),
    ),
    Mutant(
        "a pause waits until what was taken in hand is through",
        "connector/acting.py",
        " or _is_paused(connection, first)",
        "",
        ("tests/connector/test_brakes.py",),
    ),
    Mutant(
        "the back-off does not grow",
        "connector/waiting.py",
        "FIRST * (1 << min(failures - 1, 10))",
        "FIRST * 2",
        (OVERLOAD,),
    ),
    Mutant(
        "the order is not looked at again before acting",
        "connector/poller.py",
        "        return seen_at is not None and now - seen_at <= FRESH_FOR\n",
        "        return True\n",
        ("tests/connector/test_look_again.py",),
    ),
    Mutant(
        "what a long cycle has read is good for all of it",
        "connector/poller.py",
        "FRESH_FOR = timedelta(seconds=60)",
        "FRESH_FOR = timedelta(days=1)",
        ("tests/connector/test_look_again.py::test_what_a_long_cycle_has_read_a_minute_ago_is_read_again",),
    ),
    Mutant(
        "a second run does not look at the lock",
        "connector/store/sqlite.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        (HARDSHIPS,),
    ),
    Mutant(
        "a person's word that it did not go out is not passed on",
        "connector/deciding.py",
        "again=earlier.again + 1",
        "again=earlier.again",
        (FAULTS,),
    ),
    Mutant(
        "a mail has another Message-ID each time",
        "adapters/channels/mime.py",
        '    return f"<{message.key}@{domain}>"\n',
        '    from uuid import uuid4\n\n    return f"<{uuid4().hex}@{domain}>"\n',
        ("tests/channels/test_mail.py",),
    ),
    Mutant(
        "a mail server that took a message and broke off is taken for a sure no",
        "adapters/channels/email_smtp.py",
        'raise UnknownOutcome(f"{self._who} got the message',
        'raise Unavailable(f"{self._who} got the message',
        ("tests/channels/test_smtp.py", FAULTS),
    ),
    Mutant(
        "what may have been sent goes on to the next channel",
        "connector/acting.py",
        "    except UnknownOutcome as error:\n        _leave_unknown(shop, made, str(error), tally)\n"
        "        return False\n    except (Rejected, Unsupported) as error:\n",
        "    except (Rejected, Unsupported, UnknownOutcome) as error:\n",
        (
            "tests/connector/test_channels.py::test_an_outcome_that_nobody_knows_never_goes_on_to_the_next_channel",
            FAULTS,
        ),
    ),
    Mutant(
        "who is suppressed by another address is written to",
        "connector/judging.py",
        "            unwritable = why_not_written_to(listed, shop.id, shop.secret, known)\n",
        "            unwritable: dict[str, str] = {}\n",
        (f"{PROTECTION}::test_who_is_known_by_phone_alone_is_not_written_to_by_mail", MESSAGES),
    ),
    Mutant(
        "the suppression list is looked at when a step begins, and not before its next message",
        "connector/acting.py",
        "            why_not = why_not_any_more(connection, shop, following)\n",
        "            why_not = None\n",
        (f"{PROTECTION}::test_who_opts_out_between_two_messages_does_not_get_the_second",),
    ),
    Mutant(
        "caps do not count what may have been sent",
        "connector/acting.py",
        '        followups.update(connection, [made.row.id], reason=f"outcome unknown: {reason}")\n',
        "        ledger.strike_out(connection, [made.row.id])\n"
        '        followups.update(connection, [made.row.id], reason=f"outcome unknown: {reason}")\n',
        (f"{PROTECTION}::test_a_message_whose_outcome_nobody_knows_counts",),
    ),
    Mutant(
        "consent is not asked for",
        "connector/reaching.py",
        "    basis = _basis(shop, order, channel) if marketing else TRANSACTIONAL\n",
        "    basis = TRANSACTIONAL\n",
        (f"{PROTECTION}::test_marketing_goes_to_who_agreed_and_the_ground_is_kept",),
    ),
    Mutant(
        "the night is that of the store, not of the customer",
        "rules/protection.py",
        "quiet, there or calendar.zone)",
        "quiet, calendar.zone)",
        (f"{PROTECTION}::test_nobody_is_written_to_in_the_night_of_where_they_are",),
    ),
    Mutant(
        "an hour that came round is judged again on the next look",
        "rules/triggers/schedule.py",
        " and since <= latest\n",
        "\n",
        (PEOPLE, CUSTOMERS),
    ),
    Mutant(
        "a schedule that comes round again is kept as if it had not",
        "rules/setting_off.py",
        "occurrence:{facts.order.id}:{event.at:%Y-%m-%dT%H:%MZ}",
        "occurrence:{facts.order.id}",
        (f"{PEOPLE}::test_every_monday_the_staff_hears_of_what_is_stuck", CUSTOMERS),
    ),
    Mutant(
        "whose other order changes is on no schedule that came round just then",
        "connector/store/orders.py",
        "        sa.or_(orders.c.past.is_(False), has_plans),\n        _not_asked_by(now),\n",
        "        sa.or_(orders.c.past.is_(False), has_plans),\n",
        (f"{PEOPLE}::test_an_hour_that_came_round_counts_for_who_buys_something_else_just_then",),
    ),
    Mutant(
        "a customer's other orders are known but for the last",
        "connector/histories.py",
        "if each.id != order_id]), self.messages,",
        "if each.id != order_id][:-1]), self.messages,",
        (PEOPLE, CUSTOMERS),
    ),
    Mutant(
        "who came back and has not paid yet counts as away",
        "rules/history.py",
        "not (each.draft or each.trashed or each.status in CALLED_OFF)\n",
        "is_purchase(each)\n",
        ("tests/rules/test_triggers.py", CUSTOMERS),
    ),
    Mutant(
        "what holds a follow-up up is not looked at before it is done",
        "connector/judging.py",
        " and wanted.waits_while is None",
        "",
        ("tests/connector/test_holding_up.py", CUSTOMERS),
    ),
    Mutant(
        "a stranger's review is credited to whoever wrote beside them",
        "connector/hearing.py",
        'for order in bought.get(writers.get(review.id, ""), ())]',
        "for each in bought.values() for order in each]",
        ("tests/connector/test_hearing.py", CUSTOMERS),
    ),
    Mutant(
        "several pieces last as long as one",
        "rules/waits.py",
        "    pieces = sum(item.quantity - item.refunded for item in scene.items)\n",
        "    pieces = min(1, sum(item.quantity - item.refunded for item in scene.items))\n",
        ("tests/rules/test_waits.py", CUSTOMERS),
    ),
    Mutant(
        "products that the shop does not tell stop the poll",
        "connector/products.py",
        "        return {}\n    if not found",
        "        raise\n    if not found",
        ("tests/connector/test_products.py", CUSTOMERS),
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: the test that caught it, None if none did."""

    mutant: Mutant
    caught_by: str | None
    seconds: float


def main(names: Sequence[str]) -> int:
    """Try those whose names have these words in them, or all."""
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    survivors = 0
    for mutant in chosen:
        verdict = hunt(mutant)
        survivors += verdict.caught_by is None
        print(f"{verdict.caught_by or 'SURVIVED':<100} {mutant.name} ({verdict.seconds:.0f} s)", flush=True)
    print(f"{len(chosen)} seeded bugs, {survivors} survived")
    return int(survivors > 0)


def hunt(mutant: Mutant) -> Verdict:
    """Let a mutant loose in a copy of the tree, and the net on it."""
    begun = time.monotonic()
    with _copy() as tree:
        file = tree / mutant.file
        file.write_text(mutated(mutant, file.read_text(encoding="utf-8")), encoding="utf-8")
        caught_by = next((found for net in mutant.net if (found := _caught(tree, net)) is not None), None)
    return Verdict(mutant, caught_by, time.monotonic() - begun)


def mutated(mutant: Mutant, text: str) -> str:
    """The file with the bug in it. Raises LookupError unless there is exactly one place for it."""
    found = text.count(mutant.search) if mutant.search else 0
    if found != 1:
        raise LookupError(f"'{mutant.name}' has {found} places in {mutant.file}, not one: the code has moved on")
    return text.replace(mutant.search, mutant.replacement)


def _caught(tree: Path, net: str) -> str | None:
    """The first test in the net that fails in this tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", net]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )
    try:
        said, _ = run.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # A bug that makes a run go on for ever; nobody would wait for that either.
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        return f"{net} (it came to no end)"
    if run.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    if run.returncode != 1 or failed is None:
        raise RuntimeError(f"{net} could not be run: {said[-2000:]}")
    return failed[1]


@contextmanager
def _copy() -> Iterator[Path]:
    with TemporaryDirectory(prefix="aftersale-mutant-") as name:
        for part in COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, Path(name, part), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, Path(name, part))
        yield Path(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
