"""All counts of one store, made in one pass over its people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.report.delivery import Carrier, Delivery
from connector.report.frame import Frame
from connector.report.handling import BOUNDS, Handling
from connector.report.products import Products
from connector.report.sent import Sent
from connector.report.statistics import Interval
from connector.report.worth import Group, OfRule, Worth
from connector.store.by_person import Person


@dataclass(slots=True)
class Account:
    """What a report tells. `erased` orders count without who made them."""

    frame: Frame
    sent: Sent
    delivery: Delivery
    handling: Handling
    worth: Worth
    products: Products
    orders: int = 0
    erased: int = 0


def account(people: Iterable[Person], frame: Frame) -> Account:
    """Count what these people ordered and got, one person after another."""
    made = Account(frame, Sent(frame), Delivery(frame), Handling(frame), Worth(frame), Products(frame))
    parts = (made.sent, made.delivery, made.handling, made.worth, made.products)
    for person in people:
        for past in person.orders:
            if frame.holds(past.order.created_at):
                made.orders += 1
                made.erased += past.erased is not None
        for part in parts:
            part.add(person)
    return made


# For programs -------------------------------------------------------------------------------------------------

Data = dict[str, Any]


def as_json(made: Account) -> Data:
    """The account as programs read it: times in days or hours, shares between 0 and 1, money by currency."""
    return {
        "orders": made.orders,
        "erased": made.erased,
        "sent": _sent(made.sent),
        "delivery": [_carrier(each) for each in made.delivery.by_parcels],
        "handling": _handling(made.handling),
        "worth": {
            "window_days": made.frame.window.total_seconds() / 86400,
            "rules": {rule: _worth(each) for rule, each in sorted(made.worth.rules.items())},
        },
        "products": [
            {
                "name": each.name,
                "orders": each.orders,
                "complaints": each.complaints,
                "refunded": each.refunded,
                "returned": each.returned,
            }
            for each in made.products.complained_of
        ],
    }


def _sent(sent: Sent) -> Data:
    return {
        "people": sent.people,
        "rules": {
            rule: {
                "messages": each.messages,
                "people": each.people,
                "withheld": each.withheld,
                "failed": each.failed,
                "held_out": each.held_out,
            }
            for rule, each in sorted(sent.rules.items())
        },
        "channels": dict(sent.channels.most_common()),
        "languages": {locale or "unknown": count for locale, count in sent.locales.most_common()},
        "other_actions": dict(sent.others.most_common()),
        "withheld": [{"reason": reason, "count": count} for reason, count in sent.reasons.most_common()],
    }


def _carrier(carrier: Carrier) -> Data:
    return {
        "carrier": carrier.name or None,
        "parcels": carrier.parcels,
        "delivered": len(carrier.days),
        "median_days": carrier.median,
        "nine_tenths_days": carrier.nine_tenths,
        "by_days": carrier.by_days,
        "expected": carrier.expected,
        "late": carrier.late,
        "late_share": _interval(carrier.late_share),
        "followed": carrier.followed,
        "failed": carrier.failed,
        "failed_share": _interval(carrier.failed_share),
    }


def _handling(handling: Handling) -> Data:
    bounds = [*BOUNDS, None]
    return {
        "paid": handling.paid,
        "waiting": handling.waiting,
        "waiting_long": handling.waiting_long,
        "longest_wait_hours": handling.longest_wait.total_seconds() / 3600,
        "undated": handling.undated,
        "median_hours": handling.median,
        "nine_tenths_hours": handling.nine_tenths,
        "by_hours": [{"less_than": bound, "orders": n} for bound, n in zip(bounds, handling.by_hours, strict=True)],
    }


def _worth(each: OfRule) -> Data:
    is_compared = each.wanted.people or each.held_out.people
    return {
        "written_to": _group(each.written_to),
        "too_early": each.too_early,
        "comparison": _comparison(each) if is_compared else None,
        "coupons": {"issued": each.issued, "used": each.used, "revenue": _by_currency(each.coupon_revenue)},
        "orders": each.orders,
        "refunded_after": each.refunded,
    }


def _comparison(each: OfRule) -> Data:
    return {
        "wanted": _group(each.wanted),
        "held_out": _group(each.held_out),
        "enough": each.can_be_compared,
        "more_buyers": _interval(each.more_buyers),
        "more_spent": {currency: _interval(each.more_spent(currency)) for currency in each.currencies},
    }


def _group(group: Group) -> Data:
    return {
        "people": group.people,
        "bought_again": group.buyers,
        "share": _interval(group.share),
        "revenue": _by_currency(group.revenue),
    }


def _by_currency(money: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: str(amount) for currency, amount in sorted(money.items())}


def _interval(found: Interval | None) -> Data | None:
    return None if found is None else found._asdict()
