"""What a rule was worth: what people bought after its messages, against those who were held out; coupons; refunds.

Two groups can be compared only if chance alone parts them. So a rule's people are compared as they were drawn: all for
whom the rule wanted to act while people were held out of it, whether a message went out to them or not, with all who
were held out, each from when the first step was due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from adapters.model import Money
from connector.report.frame import Frame, sale_of
from connector.report.sent import MESSAGE, is_redirected
from connector.report.statistics import Interval, difference_of_means, difference_of_shares, mean, share
from connector.store.by_person import Past, Person
from connector.store.followups import HOLDOUT, Followup
from rules.events import PARTLY_REFUNDED, latest

ENOUGH = 50
"""People in each group; with fewer it is not said whether they differ."""

REFUNDS = frozenset({"order.refunded", PARTLY_REFUNDED})
COUPON = "create_coupon"


def _money() -> defaultdict[str, Decimal]:
    return defaultdict(Decimal)


@dataclass(slots=True)
class Group:
    """People, how many of them bought again within the window, and what they spent on that, by currency."""

    people: int = 0
    buyers: int = 0
    revenue: defaultdict[str, Decimal] = field(default_factory=_money)
    squares: defaultdict[str, Decimal] = field(default_factory=_money)
    """The sum of what each of them spent, squared: it tells how much that varies."""

    def add(self, sales: Sequence[Money]) -> None:
        """Somebody, and what they bought within the window."""
        spent = _money()
        for sale in sales:
            spent[sale.currency] += sale.amount
        for currency, amount in spent.items():
            self.revenue[currency] += amount
            self.squares[currency] += amount * amount
        self.people += 1
        self.buyers += bool(sales)

    @property
    def share(self) -> Interval | None:
        """How many of them bought again."""
        return share(self.buyers, self.people) if self.people else None


@dataclass(slots=True)
class OfRule:
    """What came after a rule's messages. `written_to` are people whose window is over, `too_early` the others.

    `wanted` and `held_out` are the groups that can be compared. `issued` coupons are those of the period, and `used`
    the orders of the period with one of the rule's. Of `orders` that were written about, some were `refunded` after it.
    """

    written_to: Group = field(default_factory=Group)
    too_early: int = 0
    wanted: Group = field(default_factory=Group)
    held_out: Group = field(default_factory=Group)
    issued: int = 0
    used: int = 0
    coupon_revenue: defaultdict[str, Decimal] = field(default_factory=_money)
    orders: int = 0
    refunded: int = 0

    @property
    def can_be_compared(self) -> bool:
        """Whether both groups are large enough."""
        return min(self.wanted.people, self.held_out.people) >= ENOUGH

    @property
    def more_buyers(self) -> Interval | None:
        """By how much the rule's people bought again more often than those who were held out."""
        one, other = self.wanted.share, self.held_out.share
        if one is None or other is None or not self.can_be_compared:
            return None
        return difference_of_shares(one, other)

    def more_spent(self, currency: str) -> Interval | None:
        """By how much each of the rule's people spent more, on average, than those who were held out."""
        if not self.can_be_compared:
            return None
        return difference_of_means(
            *(
                mean(each.people, each.revenue[currency], each.squares[currency])
                for each in (self.wanted, self.held_out)
            )
        )

    @property
    def currencies(self) -> list[str]:
        """In which the groups that can be compared bought anything."""
        return sorted({*self.wanted.revenue, *self.held_out.revenue})


class Sale(NamedTuple):
    """What somebody bought, and when."""

    at: datetime
    worth: Money


@dataclass(slots=True)
class Worth:
    """Every rule's worth in a period."""

    frame: Frame
    rules: defaultdict[str, OfRule] = field(default_factory=lambda: defaultdict(OfRule))

    def add(self, person: Person) -> None:
        sales = list(_sales(person))
        by_rule: dict[str, list[Followup]] = {}
        for past in person.orders:
            self._add_coupons(past)
            self._add_refunds(past)
            for row in past.rows:
                by_rule.setdefault(row.rule, []).append(row)
        for rule, rows in by_rule.items():
            self._add_messages(rule, rows, sales)
            if rule in self.frame.compared:
                self._compare(rule, rows, sales)

    def _add_messages(self, rule: str, rows: Sequence[Followup], sales: Sequence[Sale]) -> None:
        written = [row.at for row in rows if self._is_message(row)]
        if not written:
            return
        if self.frame.is_over(min(written)):
            self.rules[rule].written_to.add(self._after(min(written), sales))
        else:
            self.rules[rule].too_early += 1

    def _compare(self, rule: str, rows: Sequence[Followup], sales: Sequence[Sale]) -> None:
        """Put the person into their group, by the first time that the rule was to act while people were held out."""
        first, last = self.frame.compared[rule]
        due: dict[str, datetime] = {}
        for row in rows:
            due[row.subject] = min(row.planned_at, due.get(row.subject, row.planned_at))
        drawn = {subject: at for subject, at in due.items() if max(first, self.frame.since) <= at <= last}
        if not drawn:
            return
        begun = min(drawn.values())
        if self.frame.is_over(begun):
            is_held_out = any(row.held_for == HOLDOUT and row.subject in drawn for row in rows)
            group = self.rules[rule].held_out if is_held_out else self.rules[rule].wanted
            group.add(self._after(begun, sales))

    def _add_coupons(self, past: Past) -> None:
        for row in past.rows:
            if row.kind == COUPON and row.state == "done" and self.frame.holds(row.at):
                self.rules[row.rule].issued += 1
        if not self.frame.holds(past.order.created_at):
            return
        sale = sale_of(past.order)
        for code in {code.casefold() for code in past.order.coupons}:
            rule = self.frame.coupons.get(code)
            if rule is not None and sale is not None:
                self.rules[rule].used += 1
                self.rules[rule].coupon_revenue[sale.currency] += sale.amount

    def _add_refunds(self, past: Past) -> None:
        first: dict[str, datetime] = {}
        for row in past.rows:
            if self._is_message(row):
                first[row.rule] = min(row.at, first.get(row.rule, row.at))
        for rule, at in first.items():
            self.rules[rule].orders += 1
            self.rules[rule].refunded += any(
                event.kind in REFUNDS and at < event.at <= at + self.frame.window for event in past.journal
            )

    def _is_message(self, row: Followup) -> bool:
        """Whether a customer got a message in the period."""
        return row.kind == MESSAGE and row.state == "done" and self.frame.holds(row.at) and not is_redirected(row)

    def _after(self, at: datetime, sales: Sequence[Sale]) -> list[Money]:
        return [sale.worth for sale in sales if at < sale.at <= at + self.frame.window]


def _sales(person: Person) -> Iterator[Sale]:
    for past in person.orders:
        worth, placed = sale_of(past.order), latest(past.journal, "order.placed")
        if worth is not None and placed is not None:
            yield Sale(placed.at, worth)
