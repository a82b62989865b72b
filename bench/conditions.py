"""Conditions compiled, beside the same predicates written by hand, and as sandboxed Jinja2 expressions.

    python -m bench.conditions

The three judge the same orders by the same rules, in turns, and have to agree on every verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from statistics import median
from time import process_time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jinja2.sandbox import SandboxedEnvironment

from adapters.model import Address, Customer, LineItem, Money, Order
from rules.conditions import compile_conditions, compile_stop_if
from rules.fields import Scene
from rules.timing import Calendar

ROUNDS = 15
BY_HAND, JINJA = 0.5, 15
"""How fast the compiled conditions have to be, at least: against each rival."""

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)

Holds = Callable[[Scene], bool]


class Case(NamedTuple):
    """A rule's conditions, thrice."""

    conditions: dict[str, object]
    stop_if: dict[str, object]
    by_hand: Holds
    jinja: str


HUNDRED = Decimal(100)

CASES = (
    Case(
        {"order.status": "completed"},
        {"order.tags": "wholesale"},
        lambda scene: (
            scene.order.status.casefold() == "completed"
            and not any(tag.casefold() == "wholesale" for tag in scene.order.tags)
        ),
        "order.status|lower == 'completed' and 'wholesale' not in order.tags|map('lower')",
    ),
    Case(
        {"order.status": ["processing", "completed"], "order.total": {"at_least": 100}},
        {},
        lambda scene: (
            scene.order.status.casefold() in {"processing", "completed"} and scene.order.total.amount >= HUNDRED
        ),
        "order.status|lower in ['processing', 'completed'] and order.total.amount >= 100",
    ),
    Case(
        {"order.shipping.country": ["IL", "US"], "order.payment_method": {"not": "cod"}},
        {"order.status": ["refunded", "cancelled"]},
        lambda scene: (
            scene.order.shipping.country is not None
            and scene.order.shipping.country.casefold() in {"il", "us"}
            and not (scene.order.payment_method is not None and scene.order.payment_method.casefold() == "cod")
            and scene.order.status.casefold() not in {"refunded", "cancelled"}
        ),
        "(order.shipping.country or '')|lower in ['il', 'us'] and (order.payment_method or '')|lower != 'cod'"
        " and order.status|lower not in ['refunded', 'cancelled']",
    ),
    Case(
        {"item.sku": {"starts_with": "TEA-"}, "customer.email": "present"},
        {"order.status": "refunded"},
        lambda scene: (
            any(item.sku is not None and item.sku.casefold().startswith("tea-") for item in scene.items)
            and scene.order.customer.email is not None
            and scene.order.status.casefold() != "refunded"
        ),
        "items|selectattr('sku')|map(attribute='sku')|map('lower')|select('starting', 'tea-')|first is defined"
        " and order.customer.email is not none and order.status|lower != 'refunded'",
    ),
    Case(
        {"item.quantity": {"at_least": 2, "at_most": 5}, "order.test": False},
        {},
        lambda scene: any(2 <= item.quantity <= 5 for item in scene.items) and not scene.order.test,
        "items|selectattr('quantity', 'ge', 2)|selectattr('quantity', 'le', 5)|first is defined and not order.test",
    ),
)


def run() -> Iterable[tuple[str, str]]:
    """What was measured, and the figure beside its goal."""
    scenes = _scenes()
    ours, by_hand, jinja = _compiled(), [case.by_hand for case in CASES], _in_jinja()
    for scene, number in product(scenes, range(len(CASES))):
        verdicts = {bool(rival[number](scene)) for rival in (ours, by_hand, jinja)}
        if len(verdicts) > 1:
            raise RuntimeError(f"the rivals disagree on {CASES[number].conditions} of order {scene.order.id}")
    times = [(_time(ours, scenes), _time(by_hand, scenes), _time(jinja, scenes)) for _ in range(ROUNDS)]
    against_hand = median(hand / own for own, hand, _ in times)
    against_jinja = median(slow / own for own, _, slow in times)
    yield "conditions, against written by hand", f"{against_hand:.2f} × as fast (goal: at least {BY_HAND})"
    yield "conditions, against sandboxed Jinja2", f"{against_jinja:.0f} × as fast (goal: at least {JINJA})"


def _compiled() -> list[Holds]:
    rules: list[Holds] = []
    for case in CASES:
        conditions = compile_conditions(case.conditions, None, None, [])
        rules.append(
            _together(conditions.hold, compile_stop_if(case.stop_if, []).hold) if case.stop_if else conditions.hold
        )
    return rules


def _together(conditions: Holds, stop_if: Holds) -> Holds:
    return lambda scene: conditions(scene) and stop_if(scene)


def _in_jinja() -> list[Holds]:
    environment = SandboxedEnvironment()
    environment.tests["starting"] = str.startswith
    return [_expression(environment, case.jinja) for case in CASES]


def _expression(environment: SandboxedEnvironment, source: str) -> Holds:
    compiled = environment.compile_expression(source)
    return lambda scene: bool(compiled(order=scene.order, items=scene.items))


def _time(rules: Sequence[Holds], scenes: Sequence[Scene]) -> float:
    begun = process_time()
    for scene in scenes:
        for holds in rules:
            holds(scene)
    return process_time() - begun


def _scenes() -> list[Scene]:
    """Orders of many kinds, so that conditions hold and fail."""
    calendar = Calendar(ZoneInfo("Asia/Jerusalem"))
    kinds = product(
        ("processing", "completed", "refunded", "on-hold"),
        ("IL", "US", "FR", None),
        (("stripe", 1), ("cod", 3), (None, 8)),
        (("TEA-1", "MUG-2"), ("MUG-2", None), ("Tea-30",)),
        ((), ("VIP",), ("Wholesale", "vip")),
    )
    return [
        _scene(number, status, country, payment, skus, tags, calendar)
        for number, (status, country, payment, skus, tags) in enumerate(kinds)
    ]


def _scene(
    number: int,
    status: str,
    country: str | None,
    payment: tuple[str | None, int],
    skus: Sequence[str | None],
    tags: tuple[str, ...],
    calendar: Calendar,
) -> Scene:
    method, quantity = payment
    items = tuple(
        LineItem(id=str(n), name="Something", quantity=quantity, total=Money(Decimal(40), "ILS"), sku=sku)
        for n, sku in enumerate(skus)
    )
    order = Order(
        id=str(number),
        number=str(number),
        status=status,
        created_at=NOW - timedelta(minutes=number),
        modified_at=NOW,
        total=Money(Decimal(number), "ILS"),
        customer=Customer(email="noa@example.com" if number % 3 else None),
        shipping=Address(country=country),
        payment_method=method,
        items=items,
        tags=tags,
    )
    return Scene(order, (), items, calendar, NOW)


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what}: {figure}")
