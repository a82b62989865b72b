"""The whole vocabulary of conditions, compiled from YAML, beside the same by hand and by three engines for rules.

    python -m bench.vocabulary

50 rules are judged on each of 20,000 orders. By hand is Python as somebody would write it who has one rule to write:
an expression over the order. The engines are far slower, so they judge some of the orders, and all are compared by
verdicts a second. All have to agree with the compiled conditions on every verdict. The engines are helped where they
can be: their facts are made once an order, flat, with ages in days and an empty text for what is missing, and without
case for those that cannot do without; where one has no word for something (business-rules knows no `not`), that is done
for it in Python.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from time import process_time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import json_logic
import rule_engine
from business_rules import variables
from business_rules.engine import check_conditions_recursively

from adapters.model import Address, Consent, Customer, LineItem, Money, Order, Shipment
from rules.conditions import compile_conditions, compile_stop_if
from rules.fields import Scene
from rules.timing import Calendar

ORDERS, RULES, ROUNDS = 20_000, 50, 5
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)

Holds = Callable[[Any], bool]
Fact = str | float | bool | list[str]
Facts = dict[str, Fact]


class Words(NamedTuple):
    """One predicate in the words of business-rules, JSON Logic and rule-engine."""

    business: Mapping[str, object]
    logic: object
    engine: str


class Atom(NamedTuple):
    """One predicate: as a rule file has it, by hand (`o` is the order, `i` its items), and for the engines."""

    field: str
    wanted: object
    by_hand: str
    words: Words


# What the engines call things -----------------------------------------------------------------------------------


def _asked(name: str, operator: str, value: object) -> dict[str, object]:
    return {"name": name, "operator": operator, "value": value}


def among(name: str, *values: str) -> Words:
    business = {"any": [_asked(name, "equal_to", value) for value in values]}
    return Words(business, {"in": [{"var": name}, [*values]]}, f"{name}.as_lower in {[*values]}")


def has(name: str, *values: str) -> Words:
    business = {"any": [_asked(f"{name}_list", "contains", value) for value in values]}
    logic = {"or": [{"in": [value, {"var": name}]} for value in values]}
    return Words(business, logic, f"$any([s.as_lower in {[*values]} for s in {name}])")


def lacks(name: str, value: str) -> Words:
    business = _asked(f"{name}_list", "does_not_contain", value)
    return Words(
        business, {"!": [{"in": [value, {"var": name}]}]}, f"not $any([s.as_lower == '{value}' for s in {name}])"
    )


def at_least(name: str, bound: float) -> Words:
    return Words(_asked(name, "greater_than_or_equal_to", bound), {">=": [{"var": name}, bound]}, f"{name} >= {bound}")


def less_than(name: str, bound: float) -> Words:
    return Words(_asked(name, "less_than", bound), {"<": [{"var": name}, bound]}, f"{name} < {bound}")


def within(name: str, least: float, most: float) -> Words:
    business = {"all": [_asked(name, "greater_than", least), _asked(name, "less_than", most)]}
    logic = {"and": [{">": [{"var": name}, least]}, {"<": [{"var": name}, most]}]}
    return Words(business, logic, f"({name} > {least} and {name} < {most})")


def contains(name: str, text: str) -> Words:
    return Words(_asked(name, "contains", text), {"in": [text, {"var": name}]}, f"{name}.as_lower =~ '.*{text}.*'")


def begins(name: str, text: str) -> Words:
    logic = {"==": [{"substr": [{"var": name}, 0, len(text)]}, text]}
    return Words(_asked(name, "starts_with", text), logic, f"{name}.as_lower =~ '{text}.*'")


def some_begins(name: str, text: str) -> Words:
    logic = {"some": [{"var": name}, {"==": [{"substr": [{"var": ""}, 0, len(text)]}, text]}]}
    return Words(
        _asked(f"{name}_lines", "contains", f"\n{text}"), logic, f"$any([s.as_lower =~ '{text}.*' for s in {name}])"
    )


def some_contains(name: str, text: str) -> Words:
    logic = {"some": [{"var": name}, {"in": [text, {"var": ""}]}]}
    return Words(
        _asked(f"{name}_lines", "contains", text), logic, f"$any([s.as_lower =~ '.*{text}.*' for s in {name}])"
    )


def filled(name: str) -> Words:
    return Words(_asked(name, "non_empty", ""), {"!!": [{"var": name}]}, f"{name} != ''")


def flag(name: str, wanted: bool) -> Words:
    operator, sign = ("is_true", "") if wanted else ("is_false", "not ")
    return Words(_asked(name, operator, ""), {"==": [{"var": name}, wanted]}, f"{sign}{name}")


# The vocabulary -------------------------------------------------------------------------------------------------

ATOMS = (
    Atom("order.status", "completed", "o.status.casefold() == 'completed'", among("status", "completed")),
    Atom(
        "order.status",
        ["processing", "On-Hold"],
        "o.status.casefold() in {'processing', 'on-hold'}",
        among("status", "processing", "on-hold"),
    ),
    Atom("order.total", {"at_least": 100}, "o.total.amount >= HUNDRED", at_least("total", 100)),
    Atom(
        "order.total",
        {"more_than": 50, "less_than": 300},
        "FIFTY < o.total.amount < THREE_HUNDRED",
        within("total", 50, 300),
    ),
    Atom("order.quantity", {"at_least": 3}, "sum(each.quantity for each in o.items) >= 3", at_least("quantity", 3)),
    Atom("order.tags", "vip", "any(tag.casefold() == 'vip' for tag in o.tags)", has("tags", "vip")),
    Atom(
        "order.tags",
        {"not": "wholesale"},
        "not any(tag.casefold() == 'wholesale' for tag in o.tags)",
        lacks("tags", "wholesale"),
    ),
    Atom("order.coupons", "present", "len(o.coupons) > 0", at_least("coupon_count", 1)),
    Atom(
        "order.coupons",
        "welcome10",
        "any(code.casefold() == 'welcome10' for code in o.coupons)",
        has("coupons", "welcome10"),
    ),
    Atom(
        "order.billing.country",
        ["IL", "US", "DE"],
        "o.billing.country is not None and o.billing.country.casefold() in {'il', 'us', 'de'}",
        among("country", "il", "us", "de"),
    ),
    Atom(
        "order.shipping.city",
        {"starts_with": "Tel"},
        "o.shipping.city is not None and o.shipping.city.casefold().startswith('tel')",
        begins("city", "tel"),
    ),
    Atom(
        "order.shipping.postcode",
        {"starts_with": "61"},
        "o.shipping.postcode is not None and o.shipping.postcode.casefold().startswith('61')",
        begins("postcode", "61"),
    ),
    Atom(
        "order.payment_method",
        {"not": "cod"},
        "not (o.payment_method is not None and o.payment_method.casefold() == 'cod')",
        lacks("payment", "cod"),
    ),
    Atom(
        "order.shipping_method",
        "Express",
        "o.shipping_method is not None and o.shipping_method.casefold() == 'express'",
        among("shipping_method", "express"),
    ),
    Atom(
        "order.meta.gift",
        "yes",
        "(gift := o.meta.get('gift')) is not None and gift.casefold() == 'yes'",
        among("gift", "yes"),
    ),
    Atom(
        "order.meta.landing_page",
        {"contains": "/tea"},
        "(page := o.meta.get('landing_page')) is not None and '/tea' in page.casefold()",
        contains("landing_page", "/tea"),
    ),
    Atom(
        "order.customer_note",
        {"contains": "urgent"},
        "o.customer_note is not None and 'urgent' in o.customer_note.casefold()",
        contains("note", "urgent"),
    ),
    Atom("order.test", False, "not o.test", flag("test", wanted=False)),
    Atom("order.created_at", {"older_than": "3 days"}, "o.created_at + THREE_DAYS <= NOW", at_least("age", 3)),
    Atom(
        "order.paid_at",
        {"newer_than": "48 hours"},
        "o.paid_at is not None and o.paid_at + TWO_DAYS > NOW",
        less_than("paid_age", 2),
    ),
    Atom(
        "item.sku",
        ["TEA-1", "TEA-30"],
        "any(each.sku is not None and each.sku.casefold() in {'tea-1', 'tea-30'} for each in i)",
        has("skus", "tea-1", "tea-30"),
    ),
    Atom(
        "item.sku",
        {"starts_with": "TEA-"},
        "any(each.sku is not None and each.sku.casefold().startswith('tea-') for each in i)",
        some_begins("skus", "tea-"),
    ),
    Atom(
        "item.name",
        {"contains": "mug"},
        "any('mug' in each.name.casefold() for each in i)",
        some_contains("names", "mug"),
    ),
    Atom(
        "item.quantity",
        {"at_least": 4},
        "any(each.quantity >= 4 for each in i)",
        at_least("largest_quantity", 4),
    ),
    Atom(
        "item.total", {"at_least": 80}, "any(each.total.amount >= EIGHTY for each in i)", at_least("largest_total", 80)
    ),
    Atom(
        "item.categories",
        "Tea",
        "any(name.casefold() == 'tea' for each in i for name in each.categories)",
        has("categories", "tea"),
    ),
    Atom(
        "item.product_tags",
        ["fragile", "gift"],
        "any(tag.casefold() in {'fragile', 'gift'} for each in i for tag in each.product_tags)",
        has("product_tags", "fragile", "gift"),
    ),
    Atom("item.bought_again", True, "any(each.bought_again is True for each in i)", flag("bought_again", wanted=True)),
    Atom("customer.email", "present", "o.customer.email is not None", filled("email")),
    Atom(
        "customer.tags",
        "loyal",
        "any(tag.casefold() == 'loyal' for tag in o.customer.tags)",
        has("customer_tags", "loyal"),
    ),
    Atom("customer.orders_count", {"at_least": 3}, "o.customer.orders_count >= 3", at_least("orders_count", 3)),
    Atom(
        "customer.total_spent",
        {"at_least": 500},
        "o.customer.total_spent.amount >= FIVE_HUNDRED",
        at_least("spent", 500),
    ),
    Atom("customer.open_problem", False, "o.customer.open_problem is False", flag("open_problem", wanted=False)),
    Atom(
        "customer.messages_in_30_days", {"less_than": 3}, "o.customer.messages_in_30_days < 3", less_than("messages", 3)
    ),
    Atom(
        "customer.last_order_at",
        {"newer_than": "10 days"},
        "o.customer.last_order_at + TEN_DAYS > NOW",
        less_than("last_order_age", 10),
    ),
    Atom(
        "customer.email_consent",
        "subscribed",
        "any(each.channel == 'email' and each.state.casefold() == 'subscribed' for each in o.customer.consents)",
        among("email_consent", "subscribed"),
    ),
    Atom(
        "shipment.carrier",
        ["DHL", "UPS"],
        "any(each.carrier is not None and each.carrier.casefold() in {'dhl', 'ups'} for each in o.shipments)",
        has("carriers", "dhl", "ups"),
    ),
    Atom(
        "shipment.delivered_at",
        "missing",
        "not any(each.delivered_at is not None for each in o.shipments)",
        flag("delivered", wanted=False),
    ),
)

NAMED = {
    "NOW": NOW,
    "TWO_DAYS": timedelta(hours=48),
    "THREE_DAYS": timedelta(days=3),
    "TEN_DAYS": timedelta(days=10),
    "FIFTY": Decimal(50),
    "EIGHTY": Decimal(80),
    "HUNDRED": Decimal(100),
    "THREE_HUNDRED": Decimal(300),
    "FIVE_HUNDRED": Decimal(500),
}


class Rule(NamedTuple):
    """All of some, one of others, and none of the last."""

    all_of: Sequence[Atom]
    any_of: Sequence[Atom]
    stop_if: Sequence[Atom]


def _rules() -> list[Rule]:
    """Each predicate stands in some; half of them have alternatives, half a reason to stop."""
    chance = random.Random(7)
    rules = []
    for number in range(RULES):
        by_field = {atom.field: atom for atom in chance.sample(ATOMS, len(ATOMS))}
        first = ATOMS[number % len(ATOMS)]
        others = [atom for atom in by_field.values() if atom.field != first.field]
        all_of = [first, *others[: number % 3]]
        rules.append(Rule(all_of, others[3:5] if number % 2 else (), others[5:6] if number % 4 > 1 else ()))
    return rules


# The rivals -----------------------------------------------------------------------------------------------------


def _compiled(rule: Rule) -> Holds:
    """As the planner asks."""
    any_of = [{atom.field: atom.wanted} for atom in rule.any_of] or None
    conditions = compile_conditions({atom.field: atom.wanted for atom in rule.all_of}, any_of, None, problems := [])
    stop_if = compile_stop_if({atom.field: atom.wanted for atom in rule.stop_if} or None, problems)
    assert not problems, problems
    return lambda scene: conditions.hold(scene) and stop_if.hold(scene)


def _by_hand(rule: Rule) -> Holds:
    parts = [f"({atom.by_hand})" for atom in rule.all_of]
    if rule.any_of:
        parts.append("(" + " or ".join(f"({atom.by_hand})" for atom in rule.any_of) + ")")
    parts += [f"not ({atom.by_hand})" for atom in rule.stop_if]
    written: dict[str, Any] = dict(NAMED)
    exec(f"def holds(scene):\n    o, i = scene.order, scene.items\n    return {' and '.join(parts)}", written)
    holds: Holds = written["holds"]
    return holds


def _business(rule: Rule) -> Holds:
    conditions: dict[str, object] = {"all": [atom.words.business for atom in rule.all_of]}
    if rule.any_of:
        conditions = {"all": [conditions, {"any": [atom.words.business for atom in rule.any_of]}]}
    unwanted = [atom.words.business for atom in rule.stop_if]
    if not unwanted:
        return lambda known: check_conditions_recursively(conditions, known)
    return lambda known: (
        check_conditions_recursively(conditions, known) and not check_conditions_recursively({"any": unwanted}, known)
    )


def _logic(rule: Rule) -> Holds:
    parts = [atom.words.logic for atom in rule.all_of]
    if rule.any_of:
        parts.append({"or": [atom.words.logic for atom in rule.any_of]})
    logic = {"and": [*parts, *({"!": [atom.words.logic]} for atom in rule.stop_if)]}
    return lambda facts: json_logic.jsonLogic(logic, facts)


def _engine(rule: Rule) -> Holds:
    parts = [f"({atom.words.engine})" for atom in rule.all_of]
    if rule.any_of:
        parts.append("(" + " or ".join(f"({atom.words.engine})" for atom in rule.any_of) + ")")
    parts += [f"not ({atom.words.engine})" for atom in rule.stop_if]
    return rule_engine.Rule(" and ".join(parts)).matches


class Known(variables.BaseVariables):
    """An order as business-rules wants to have it: each fact a method."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts


_VARIABLES = {
    str: variables.string_rule_variable,
    float: variables.numeric_rule_variable,
    bool: variables.boolean_rule_variable,
}


def _declare(facts: Facts) -> None:
    """Every fact, by its kind."""
    for name, fact in facts.items():
        if isinstance(fact, list):
            _declare_one(f"{name}_list", variables.select_rule_variable(), lambda self, name=name: self.facts[name])
            lines = variables.string_rule_variable()
            _declare_one(f"{name}_lines", lines, lambda self, name=name: "\n" + "\n".join(self.facts[name]))
        else:
            _declare_one(name, _VARIABLES[type(fact)](), lambda self, name=name: self.facts[name])


def _declare_one(name: str, variable: Callable[[Any], Any], get: Callable[[Known], Fact]) -> None:
    get.__name__ = name
    setattr(Known, name, variable(get))


class Rival(NamedTuple):
    """Another way to judge: of so many orders, made of them first `sees`; how many times as fast we have to be."""

    name: str
    of: Callable[[Rule], Holds]
    sees: Callable[[Scene], Any]
    orders: int
    goal: float


def _rivals() -> tuple[Rival, ...]:
    return (
        Rival("written by hand", _by_hand, _itself, ORDERS, 0.5),
        Rival("business-rules", _business, lambda scene: Known(_without_case(_facts(scene))), 400, 10),
        Rival("JSON Logic", _logic, lambda scene: _without_case(_facts(scene)), 400, 10),
        Rival("rule-engine", _engine, _facts, 40, 100),
    )


def _itself(scene: Scene) -> Scene:
    return scene


def run() -> Iterator[tuple[str, str]]:
    """What was measured, and the figure beside its goal."""
    rules = _rules()
    scenes = list(_scenes())
    _declare(_facts(scenes[0]))
    ours = [_compiled(rule) for rule in rules]
    rivals = [(rival, [rival.of(rule) for rule in rules], scenes[: rival.orders]) for rival in _rivals()]
    for rival, theirs, some in rivals:
        for rule, own, other in zip(rules, ours, theirs, strict=True):
            for scene in some:
                if own(scene) is not bool(other(rival.sees(scene))):
                    raise RuntimeError(f"{rival.name} disagrees on {rule} of order {scene.order}")
    speeds: list[float] = []
    rates: list[list[float]] = [[] for _ in rivals]
    for _ in range(ROUNDS):
        speeds.append(_rate(ours, scenes, _itself))
        for found, (rival, theirs, some) in zip(rates, rivals, strict=True):
            found.append(speeds[-1] / _rate(theirs, some, rival.sees))
    yield f"vocabulary, {RULES} rules, {ORDERS:,} orders", f"{median(speeds):,.0f} verdicts a second"
    for found, (rival, *_) in zip(rates, rivals, strict=True):
        yield f"  against {rival.name}", f"{median(found):.2f} × as fast (goal: at least {rival.goal})"


def _rate(rules: Sequence[Holds], scenes: Sequence[Scene], sees: Callable[[Scene], Any]) -> float:
    """Verdicts a second of processor time."""
    begun = process_time()
    for scene in scenes:
        seen = sees(scene)
        for holds in rules:
            holds(seen)
    return len(rules) * len(scenes) / (process_time() - begun)


# The orders -----------------------------------------------------------------------------------------------------


def _facts(scene: Scene) -> Facts:
    """An order as the engines see it."""
    order, items, customer = scene.order, scene.items, scene.order.customer
    assert customer.total_spent is not None
    return {
        "status": order.status,
        "total": float(order.total.amount),
        "quantity": float(sum(item.quantity for item in items)),
        "tags": [*order.tags],
        "coupons": [*order.coupons],
        "coupon_count": float(len(order.coupons)),
        "country": order.billing.country or "",
        "city": order.shipping.city or "",
        "postcode": order.shipping.postcode or "",
        "payment": [order.payment_method] if order.payment_method else [],
        "shipping_method": order.shipping_method or "",
        "gift": order.meta.get("gift") or "",
        "landing_page": order.meta.get("landing_page") or "",
        "note": order.customer_note or "",
        "test": order.test,
        "age": _days(order.created_at),
        "paid_age": _days(order.paid_at),
        "skus": [item.sku for item in items if item.sku],
        "names": [item.name for item in items],
        "largest_quantity": float(max(item.quantity for item in items)),
        "largest_total": float(max(item.total.amount for item in items)),
        "categories": [name for item in items for name in item.categories],
        "product_tags": [tag for item in items for tag in item.product_tags],
        "bought_again": any(item.bought_again for item in items),
        "email": customer.email or "",
        "customer_tags": [*customer.tags],
        "orders_count": float(customer.orders_count or 0),
        "spent": float(customer.total_spent.amount),
        "open_problem": bool(customer.open_problem),
        "messages": float(customer.messages_in_30_days or 0),
        "last_order_age": _days(customer.last_order_at),
        "email_consent": next((each.state for each in customer.consents), ""),
        "carriers": [each.carrier for each in order.shipments if each.carrier],
        "delivered": any(each.delivered_at for each in order.shipments),
    }


def _without_case(facts: Facts) -> Facts:
    return {name: _folded(fact) for name, fact in facts.items()}


def _folded(fact: Fact) -> Fact:
    match fact:
        case str():
            return fact.casefold()
        case list():
            return [text.casefold() for text in fact]
    return fact


def _days(moment: datetime | None) -> float:
    """How long ago it was; for ever, if it never was."""
    return (NOW - moment) / timedelta(days=1) if moment is not None else 99_999.0


def _scenes() -> Iterator[Scene]:
    """Orders of many kinds, so that every condition holds for some and fails for others."""
    chance, calendar = random.Random(7), Calendar(ZoneInfo("Asia/Jerusalem"))
    for number in range(ORDERS):
        order = _order(str(number), chance)
        yield Scene(order, order.shipments, order.items, calendar, NOW)


def _order(number: str, chance: random.Random) -> Order:
    placed = NOW - timedelta(minutes=chance.randrange(90 * 24 * 60))
    pick = chance.choice
    return Order(
        id=number,
        number=number,
        status=pick(["pending", "processing", "on-hold", "completed", "refunded"]),
        created_at=placed,
        modified_at=NOW,
        total=Money(Decimal(chance.randrange(2000, 40000)) / 100, "ILS"),
        customer=Customer(
            email=pick(["noa@example.com", None]),
            tags=pick([(), ("Loyal",), ("press", "loyal")]),
            consents=pick(
                [(), (Consent(channel="email", state="subscribed"),), (Consent(channel="email", state="unsubscribed"),)]
            ),
            orders_count=chance.randrange(1, 6),
            total_spent=Money(Decimal(chance.randrange(100, 1200)), "ILS"),
            last_order_at=placed + timedelta(minutes=chance.randrange(3000)),
            open_problem=pick([True, False]),
            messages_in_30_days=chance.randrange(6),
        ),
        billing=Address(country=pick(["IL", "US", "DE", "FR", None])),
        shipping=Address(city=pick(["Tel Aviv", "Haifa", None]), postcode=pick(["6100123", "3100123", None])),
        paid_at=pick([placed + timedelta(minutes=5), None]),
        items=tuple(_item(str(position), chance) for position in range(chance.randrange(1, 4))),
        shipments=tuple(_parcel(str(position), placed, chance) for position in range(chance.randrange(3))),
        coupons=pick([(), ("WELCOME10",), ("SPRING", "Welcome10")]),
        tags=pick([(), ("VIP",), ("Wholesale", "vip"), ("wholesale",)]),
        meta=pick([{}, {"gift": "Yes"}, {"gift": "no", "landing_page": "https://example.com/Tea/green"}]),
        payment_method=pick(["stripe", "cod", None]),
        shipping_method=pick(["Express", "Standard", None]),
        customer_note=pick([None, "Leave it at the door", "URGENT, please"]),
        test=chance.random() < 0.1,
    )


def _item(number: str, chance: random.Random) -> LineItem:
    return LineItem(
        id=number,
        name=chance.choice(["Ceramic Mug", "Green tea, 100 g", "Tea pot"]),
        quantity=chance.randrange(1, 6),
        total=Money(Decimal(chance.randrange(1000, 15000)) / 100, "ILS"),
        sku=chance.choice(["TEA-1", "Tea-30", "TEA-90", "MUG-2", None]),
        categories=chance.choice([(), ("Tea", "Green tea"), ("Mugs",)]),
        product_tags=chance.choice([(), ("Fragile",), ("new", "sale")]),
        bought_again=chance.random() < 0.3,
    )


def _parcel(number: str, placed: datetime, chance: random.Random) -> Shipment:
    return Shipment(
        id=number,
        carrier=chance.choice(["DHL", "UPS", "Israel Post", None]),
        shipped_at=placed,
        delivered_at=chance.choice([placed + timedelta(days=3), None]),
    )


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:<44} {figure}")
