"""Aftersale at work on two sandbox shops: ten days in seconds, no credentials needed.

A WooCommerce and a Shopify store are opened on this machine and spoken to over HTTP, as real ones would be. Some fifty
orders live their lives in them; one set of rules does its work. What went out is left as files, to be looked at in a
browser.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from connector.cli._exits import Exit, Stop
from connector.cli._options import AsJson
from connector.cli._screen import clean, console, count, print_json, table
from connector.demo.account import Account, Store, plain, take_stock
from connector.demo.pages import language_name, write_pages
from connector.demo.play import Progress, played
from connector.demo.withheld import HeldBack, LeftAlone, PutOff
from connector.observe import set_up_logs

WIDEST = 100


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the messages are left as files.")] = Path(
        "demo-messages"
    ),
    as_json: AsJson = False,
) -> Exit:
    if "AFTERSALE_LOG_LEVEL" not in os.environ:
        set_up_logs("error")  # what is lost and held on the way is told below
    with _writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
    with _progress() as progress, played(progress) as play:
        account = take_stock(play)
    with _writing_to(out):
        index = write_pages(account, out)
    if as_json:
        print_json({**plain(account), "files": str(index)})
    else:
        _show(account, index)
    return Exit.WELL if _is_true(account) else Exit.FAILED


@contextmanager
def _writing_to(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the messages cannot be written to {out}: {error.strerror}; name another folder with --out DIR"
        raise Stop(Exit.MISTAKE, message) from None


def _is_true(account: Account) -> bool:
    """Whether the stores and the records agree on what was sent."""
    return account.totals.sent_twice == account.totals.never_sent == 0


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar with the stores' date, where a person watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("Ten days in two sandbox shops"), BarColumn(), TextColumn("{task.description}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda at, share: bars.update(task, completed=share, description=f"{at:%a %d %b}")


# What is shown ------------------------------------------------------------------------------------------------


def _show(account: Account, index: Path) -> None:
    screen = console()
    screen.width = min(screen.width, WIDEST)
    zone = ZoneInfo(account.timezone)
    first, last = account.begins.astimezone(zone), account.ends.astimezone(zone)
    screen.print(Text(f"One set of rules, two sandbox shops, {account.totals.days} days", style="bold"))
    screen.print(f"{first:%A %d %B} to {last:%A %d %B %Y}; times are the shops' own ({account.timezone}).")
    screen.print()
    screen.print(_stores(account.stores))
    _show_messages(screen, account, zone)
    _show_put_off(screen, account.put_off, zone)
    _show_held_back(screen, account.held_back, zone)
    _show_left_alone(screen, account.left_alone)
    _show_trouble(screen, account, zone)
    _show_totals(screen, account, index)


def _stores(stores: Sequence[Store]) -> Table:
    made = table("Store", "Name", "Platform", "Orders", "Numbers")
    for store in stores:
        first, last = store.numbers
        made.add_row(store.id, store.name, store.platform, str(store.orders), f"#{first} to #{last}")
    return made


def _heading(screen: Console, text: str) -> None:
    screen.print()
    screen.print(Text(text, style="bold green"))


def _show_messages(screen: Console, account: Account, zone: ZoneInfo) -> None:
    _heading(screen, "What went out")
    made = table("When", "Store", "Order", "To", "Message", "Language")
    made.columns[0].no_wrap = True
    day = None
    for message in account.messages:
        local = message.at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            made.add_row(Text(f"{local:%a %d %b}", style="bold"))
        told = (message.store, message.order, _name(message.to), message.template or "text")
        made.add_row(f"  {local:%H:%M}", *told, language_name(message.language))
    screen.print(made)


def _show_put_off(screen: Console, put_off: Sequence[PutOff], zone: ZoneInfo) -> None:
    _heading(screen, "What was put off to a better time, and why")
    for reason, of_reason in _grouped(put_off, lambda each: each.reason).items():
        _reason(screen, reason)
        groups = _grouped(of_reason, lambda each: (each.rule, each.due_at, each.moved_to))
        for (rule, due_at, moved_to), group in groups.items():
            _line(screen, f"{rule}, {_moment(due_at, zone)} → {_moment(moved_to, zone)}: {_people(group)}")


def _show_held_back(screen: Console, held_back: Sequence[HeldBack], zone: ZoneInfo) -> None:
    _heading(screen, "What was held back, and why")
    for reason, of_reason in _grouped(held_back, lambda each: _without_times(each.reason)).items():
        saw = {_with_local_times(each.reason, zone) for each in of_reason}
        _reason(screen, saw.pop() if len(saw) == 1 else reason)
        for rule, of_rule in _grouped(of_reason, lambda each: each.rule).items():
            _line(screen, f"{rule}: {_people(of_rule)}")
        ended = [each for each in of_reason if each.then]
        for held, of_kind in _grouped(ended, lambda each: each.held_for or each.state).items():
            _line(screen, f"{_AFTERWARDS[held]}: {_counted(of_kind)}")


def _show_left_alone(screen: Console, left_alone: Sequence[LeftAlone]) -> None:
    _heading(screen, "Orders that nobody was written to about, and why")
    for reason, group in _grouped(left_alone, lambda each: each.reason).items():
        _reason(screen, reason)
        _line(screen, _people(group))


def _show_trouble(screen: Console, account: Account, zone: ZoneInfo) -> None:
    for trouble in account.trouble:
        _heading(screen, f"When {trouble.store} could not be used")
        _reason(screen, trouble.error)
        since, until = _moment(trouble.since, zone), _moment(trouble.until, zone)
        polls = count(trouble.polls, "poll")
        late = count(trouble.late, "action")
        _line(screen, f"{polls} failed from {since}; at {until} all went on, and {late} came late")
    _heading(screen, "What the staff was told")
    for notice in account.staff:
        _line(screen, f"{_moment(notice.at, zone)}  {_level(clean(notice.text))}")


def _show_totals(screen: Console, account: Account, index: Path) -> None:
    totals = account.totals
    _heading(screen, "In all")
    written = [
        count(totals.messages, "message"),
        count(totals.notes, "private note"),
        count(totals.tags, "tag"),
        count(totals.coupons, "coupon"),
        f"{totals.staff} told to the staff",
    ]
    _line(screen, ", ".join(written) + f"; {count(totals.still_planned, 'step')} still to come.")
    _line(screen, f"{count(totals.polls, 'poll')}, {count(totals.requests, 'request')} over HTTP.")
    compared = f"{totals.mails_in_store} mails in the stores, {totals.messages} messages in the records"
    verdict = f"{totals.sent_twice} sent twice, {totals.never_sent} recorded but never sent ({compared})."
    _line(screen, verdict, style="bold" if _is_true(account) else "bold red")
    screen.print()
    screen.print(f"The messages are in {index}: open it in a browser.", soft_wrap=True)
    screen.print("Now for a shop of yours:  aftersale init")


# How it is written --------------------------------------------------------------------------------------------

Row = TypeVar("Row", PutOff, HeldBack, LeftAlone)
Key = TypeVar("Key", bound=Hashable)
LEFT_TO_RIGHT_MARK = "\u200e"
"""After Hebrew or Arabic words, lest a terminal reorders what follows them."""
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]+(?: [\u0590-\u08ff]+)*")
_AFTERWARDS = {
    "skipped": "wanted again later",
    "hold_while": "when that was over",
    "approval": "when the owner had let them go",
    "outcome": "when the owner had looked it up",
    "unknown": "when the store was asked whether it happened",
    "failed": "later",
}
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


def _grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """The rows by a key, in the order of its first appearance."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _counted(rows: Sequence[HeldBack]) -> str:
    """What became of what was only held back for a time: `15 done, 3 skipped`."""
    return ", ".join(f"{number} {end}" for end, number in Counter(row.then for row in rows).items())


def _reason(screen: Console, reason: str) -> None:
    screen.print(Padding(Text(clean(reason), style="yellow"), (0, 0, 0, 2), expand=False))


def _line(screen: Console, text: str, style: str = "") -> None:
    """An indented line; where it is too long it goes on a little further in."""
    screen.print(Padding(Text(text, style=style), (0, 0, 0, 4), expand=False))


def _people(rows: Sequence[PutOff] | Sequence[HeldBack] | Sequence[LeftAlone]) -> str:
    named = dict.fromkeys(f"{_name(row.to)} #{row.order}".strip() for row in rows)
    return ", ".join(named)


def _name(name: str | None) -> str:
    return _level(clean(name))


def _level(text: str) -> str:
    """The text, which goes on from left to right after its Hebrew and Arabic words."""
    return _RIGHT_TO_LEFT.sub(lambda words: words[0] + LEFT_TO_RIGHT_MARK, text)


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %d %b %H:%M}"


def _without_times(reason: str) -> str:
    """Reasons that differ only in their times are one reason."""
    return _ISO.sub("…", reason)


def _with_local_times(reason: str, zone: ZoneInfo) -> str:
    return _ISO.sub(lambda found: _moment(datetime.fromisoformat(found[0]), zone), reason)
