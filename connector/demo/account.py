"""What came of the played story, read off the stores and the worker's own records. No figure is known beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from adapters.model import Order
from connector.actions.send import Send
from connector.demo.play import Part, Play
from connector.demo.stage import Kept, Mail
from connector.demo.withheld import (
    HeldBack,
    Known,
    LeftAlone,
    PutOff,
    held_back,
    left_alone,
    never_planned,
    put_off,
    step_of,
)
from connector.store import orders
from connector.store.followups import Followup
from rules.locales import choose_locale, wanted_locales
from rules.rule import Action


class Store(Struct, frozen=True, kw_only=True):
    """One of the stores; `numbers` are those of its first and its last order, as people see them."""

    id: str
    name: str
    platform: str
    orders: int
    numbers: tuple[str, str]


class Message(Struct, frozen=True, kw_only=True):
    """A message to a customer, or a private note for the staff.

    `body` is as the store keeps it, in its `markup`. On Shopify a note is the order's only one, with all that it holds.
    """

    kind: Literal["message", "note"]
    at: datetime
    store: str
    shop: str
    order: str
    to: str | None
    rule: str
    template: str | None
    language: str
    subject: str | None
    body: str
    markup: Literal["html", "plain"]
    file: str


class Trouble(Struct, frozen=True, kw_only=True):
    """A time when a store could not be used: what was tried in it, and what was done late because of it."""

    store: str
    since: datetime
    until: datetime
    polls: int
    error: str
    late: int


class Notice(Struct, frozen=True, kw_only=True):
    """What the staff was told."""

    at: datetime
    text: str


class Totals(Struct, frozen=True, kw_only=True):
    """The story in figures. The `twice` and `lost` of the messages come from comparing the stores with the records."""

    days: int
    orders: int
    polls: int
    requests: int
    messages: int
    notes: int
    tags: int
    coupons: int
    staff: int
    mails_in_store: int
    sent_twice: int
    never_sent: int
    still_planned: int


class Account(Struct, frozen=True, kw_only=True):
    """All that the demo has to tell."""

    stores: list[Store]
    timezone: str
    begins: datetime
    ends: datetime
    messages: list[Message]
    notes: list[Message]
    put_off: list[PutOff]
    held_back: list[HeldBack]
    left_alone: list[LeftAlone]
    trouble: list[Trouble]
    staff: list[Notice]
    totals: Totals


def take_stock(play: Play) -> Account:
    """What went out, what did not and why; the played stores are still open."""
    parts = [(part, _known_orders(part)) for part in play.parts]
    written = [message for part, known in parts for message in _written(play, part, known)]
    return Account(
        stores=[_store(part, known) for part, known in parts],
        timezone=play.parts[0].shop.calendar.zone.key,
        begins=play.story.begins,
        ends=play.story.ends,
        messages=sorted((each for each in written if each.kind == "message"), key=_when),
        notes=sorted((each for each in written if each.kind == "note"), key=_when),
        put_off=sorted(
            (each for part, known in parts for each in put_off(part, known)),
            key=lambda each: (each.due_at, each.order),
        ),
        held_back=sorted(
            (each for part, known in parts for each in [*held_back(part, known), *never_planned(part, known)]),
            key=_when,
        ),
        left_alone=[each for part, known in parts for each in left_alone(part, known)],
        trouble=[each for part, _ in parts for each in _trouble(part)],
        staff=[Notice(at=told.at, text=told.title) for told in play.told],
        totals=_totals(play),
    )


def _known_orders(part: Part) -> Known:
    with part.shop.database.read() as connection:
        return orders.load(connection, part.shop.id, part.stage.order_ids())


def _store(part: Part, known: Known) -> Store:
    numbers = [each.order.number for each in known.values() if part.stage.is_order(each.order.id)]
    return Store(
        id=part.shop.id,
        name=part.shop.config.name,
        platform=part.stage.platform,
        orders=len(numbers),
        numbers=(numbers[0], numbers[-1]),
    )


def _when(each: Message | HeldBack) -> datetime:
    return each.at


# What went out ------------------------------------------------------------------------------------------------


def _written(play: Play, part: Part, known: Known) -> Iterator[Message]:
    """The messages and notes that the worker's records name, each with the text that the store has."""
    rows = _done(part, "send") + _done(part, "add_note")
    kept = part.stage.kept(part.shop, rows)
    for row in rows:
        if row.id not in kept:
            continue  # counted as never sent
        action = step_of(part, row).actions[row.action - 1]
        order = known[row.order_id].order
        yield Message(
            kind="message" if row.kind == "send" else "note",
            at=kept[row.id].at,
            store=part.shop.id,
            shop=part.shop.config.name,
            order=row.number,
            to=order.customer.first_name,
            rule=row.rule,
            template=action.spec.template if isinstance(action.spec, Send) else None,
            language=_language(play, part, action, order),
            subject=kept[row.id].subject,
            body=kept[row.id].words,
            markup=part.stage.markup,
            file=_file(part, row, kept[row.id]),
        )


def _done(part: Part, kind: str) -> list[Followup]:
    return [life[-1] for life in part.lives.values() if (life[-1].kind, life[-1].state) == (kind, "done")]


def _file(part: Part, row: Followup, kept: Kept) -> str:
    """The name of the page of a message or note."""
    local = kept.at.astimezone(part.shop.calendar.zone)
    return f"{part.shop.id}-{local:%m-%d-%H%M}-order-{row.number}-{row.rule}-{row.step}-{row.action}.html"


def _language(play: Play, part: Part, action: Action, order: Order) -> str:
    """The language that a template was chosen in; texts that stand in a rule are in the shop's."""
    ours = part.shop.config.locale
    if not isinstance(action.spec, Send) or action.spec.template is None:
        return ours
    return choose_locale(play.loaded.templates[action.spec.template], wanted_locales(order, ours))


# Trouble, and figures -----------------------------------------------------------------------------------------


def _trouble(part: Part) -> Iterator[Trouble]:
    """Each run of cycles that failed, from the first to the one after it that went well."""
    failed: list[tuple[datetime, str]] = []
    for at, report in part.reports:
        if report.error is not None:
            failed.append((at, report.error))
        elif failed:
            yield Trouble(
                store=part.shop.id,
                since=failed[0][0],
                until=at,
                polls=len(failed),
                error=failed[0][1],
                late=_late(part, at),
            )
            failed = []


def _late(part: Part, until: datetime) -> int:
    """How many actions were done in the first good cycle though they had been due before."""
    every = part.shop.config.poll_every
    rows = [life[-1] for life in part.lives.values()]
    return sum(row.state == "done" and until <= row.at < until + every and row.due_at <= until - every for row in rows)


def _totals(play: Play) -> Totals:
    parts = play.parts
    rows = [life[-1] for part in parts for life in part.lives.values()]
    done = Counter(row.kind for row in rows if row.state == "done")
    compared = [differences(part.stage.mails(), _recorded(part)) for part in parts]
    return Totals(
        days=(play.story.ends - play.story.begins).days,
        orders=sum(part.stage.is_order(order_id) for part in parts for order_id in part.stage.order_ids()),
        polls=sum(len(part.reports) for part in parts),
        requests=sum(part.stage.count_requests() for part in parts),
        messages=done["send"],
        notes=done["add_note"],
        tags=done["add_tag"],
        coupons=sum(part.stage.count_coupons() for part in parts),
        staff=len(play.told),
        mails_in_store=sum(len(part.stage.mails()) for part in parts),
        sent_twice=sum(twice for twice, _ in compared),
        never_sent=sum(never for _, never in compared),
        still_planned=len({(row.store, *row.of_step) for row in rows if row.state == "pending"}),
    )


def _recorded(part: Part) -> Iterator[Mail]:
    """Every message that is recorded as sent, with the words that the store has under its name, if any."""
    rows = _done(part, "send")
    kept = part.stage.kept(part.shop, rows)
    for row in rows:
        yield row.order_id, kept[row.id].words if row.id in kept else ""


def differences(mails: Iterable[Mail], recorded: Iterable[Mail]) -> tuple[int, int]:
    """How many mails, each an order with its words, went out beyond the recorded ones, and how many did not."""
    in_store, in_records = Counter(mails), Counter(recorded)
    return (in_store - in_records).total(), (in_records - in_store).total()


def plain(account: Account) -> dict[str, Any]:
    """The account for programs: times in UTC, and the messages' words left to their files."""
    told: dict[str, Any] = msgspec.to_builtins(account)
    for message in [*told["messages"], *told["notes"]]:
        del message["body"]
    return told
