"""`field: value` → does it hold, and why: every operator on every kind of field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.model import Address, Consent, Customer, LineItem, Money, Order, Refund, Return, Shipment
from rules.conditions import Check, ConditionProblem, Conditions, compile_conditions, compile_stop_if
from rules.fields import FIELDS, Scene
from rules.timing import Calendar, parse_business_hours

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("Asia/Jerusalem"), parse_business_hours({"sun-thu": "09:00-18:00"}))


def ils(amount: int | str) -> Money:
    return Money(Decimal(amount), "ILS")


def item(sku: str | None = "TEA-1", quantity: int = 1, name: str = "Green Tea") -> LineItem:
    return LineItem(id=f"item-{sku}", name=name, quantity=quantity, total=ils(40), sku=sku)


def order(**changed: Any) -> Order:
    usual: dict[str, Any] = {
        "id": "7",
        "number": "1007",
        "status": "processing",
        "created_at": NOW - timedelta(days=10),
        "modified_at": NOW,
        "total": ils("120.00"),
        "customer": Customer(email="noa@example.com", first_name="Noa"),
        "shipping": Address(country="IL"),
        "items": (item(), item("MUG-2", 3, "Mug")),
        "tags": ("VIP", "gift"),
        "meta": {"gift_wrap": "Yes"},
    }
    return Order(**usual | changed)


def scene(seen: Order | None = None, now: datetime = NOW) -> Scene:
    seen = seen or order()
    return Scene(seen, seen.shipments, seen.items, CALENDAR, now)


def compiled(conditions: object = None, any_of: object = None, none_of: object = None) -> Conditions:
    problems: list[ConditionProblem] = []
    made = compile_conditions(conditions, any_of, none_of, problems)
    assert problems == []
    return made


def stop_if(spec: object) -> Conditions:
    problems: list[ConditionProblem] = []
    made = compile_stop_if(spec, problems)
    assert problems == []
    return made


def holds(name: str, wanted: object, at: Scene | None = None) -> bool:
    return compiled({name: wanted}).hold(at or scene())


def mistake(name: str, wanted: object) -> str:
    problems: list[ConditionProblem] = []
    compile_conditions({name: wanted}, None, None, problems)
    (problem,) = problems
    assert problem.path == ("conditions", name)
    return problem.message


# A value of each kind -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("order.status", "processing"),
        ("order.status", ["completed", "processing"]),
        ("order.status", {"not": "completed"}),
        ("order.status", {"not": ["completed", "refunded"]}),
        ("order.status", {"contains": "cess"}),
        ("order.status", {"starts_with": "pro"}),
        ("order.status", {"not": {"contains": "refund"}}),
        ("order.number", 1007),
        ("order.total", 120),
        ("order.total", "120.00"),
        ("order.total", [100, 120]),
        ("order.total", {"at_least": 120}),
        ("order.total", {"at_most": 120}),
        ("order.total", {"more_than": 119.99}),
        ("order.total", {"less_than": "120.01"}),
        ("order.total", {"at_least": 100, "less_than": 150}),
        ("order.total", {"not": {"less_than": 100}}),
        ("order.quantity", 4),
        ("order.quantity", {"at_least": 4, "not": 5}),
        ("item.quantity", {"at_least": 3}),
        ("item.total", {"at_least": 40}),
        ("order.test", False),
        ("order.test", {"not": True}),
        ("order.refunded_in_full", False),
        ("order.created_at", {"older_than": "9 days"}),
        ("order.created_at", {"newer_than": "11 days"}),
        ("order.created_at", {"older_than": "9 days", "newer_than": "11 days"}),
        ("order.created_at", {"not": {"newer_than": "9 days"}}),
        ("order.created_at", "present"),
        ("order.paid_at", "missing"),
        ("order.paid_at", {"not": "present"}),
        ("order.tags", "vip"),
        ("order.tags", {"not": "wholesale"}),
        ("order.coupons", "missing"),
        ("item.sku", ["LENS-30", "tea-1"]),
        ("item.name", {"contains": "green"}),
        ("order.shipping.country", "il"),
        ("order.billing.country", "missing"),
        ("customer.email", "present"),
        ("customer.phone", "Missing"),
        ("order.meta.gift_wrap", "yes"),
        ("order.meta.engraving", "missing"),
        ("shipment.delivered_at", "missing"),
    ],
)
def test_a_condition_that_is_met_holds_and_its_contrary_does_not(name: str, wanted: object) -> None:
    assert holds(name, wanted)
    assert not holds(name, {"not": wanted})


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("customer.tags", "wholesale"),
        ("customer.orders_count", {"at_least": 3}),
        ("customer.email_consent", "subscribed"),
        ("customer.sms_consent", "missing"),
        ("item.vendor", "Leaf & Co"),
        ("item.product_type", {"contains": "tea"}),
        ("item.product_tags", "organic"),
        ("item.product_tags", {"not": "cup"}),
        ("item.refunded", 1),
        ("shipment.state", ["exception", "delivery_failed"]),
        ("shipment.estimated_delivery_at", {"older_than": "1 day"}),
        ("return.status", "requested"),
        ("return.created_at", {"newer_than": "3 days"}),
    ],
)
def test_what_a_richer_platform_tells_can_be_asked_for(name: str, wanted: object) -> None:
    two_days_ago = NOW - timedelta(days=2)
    leaves = LineItem(
        id="1",
        name="Sencha",
        quantity=2,
        total=ils(40),
        refunded=1,
        product_type="Green tea",
        product_tags=("organic", "Japan"),
        vendor="Leaf & Co",
    )
    rich = order(
        customer=Customer(
            tags=("Wholesale",), consents=(Consent(channel="email", state="subscribed"),), orders_count=3
        ),
        items=(leaves, item()),
        shipments=(Shipment(id="p", state="exception", estimated_delivery_at=two_days_ago),),
        returns=(Return(id="b", status="requested", created_at=two_days_ago),),
    )
    assert holds(name, wanted, scene(rich))
    assert not holds(name, {"not": wanted}, scene(rich))


def test_text_compares_without_case_in_every_script() -> None:
    street = order(shipping=Address(city="STRASSE", country="il"))
    assert holds("order.shipping.city", "straße", scene(street))
    assert holds("order.shipping.country", ["IL"], scene(street))
    assert holds("order.shipping.city", {"starts_with": "Stra"}, scene(street))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("order.payment_method", "cod"),
        ("order.payment_method", ["cod", "stripe"]),
        ("order.payment_method", {"contains": "c"}),
        ("order.payment_method", {"starts_with": "c"}),
        ("order.paid_at", {"older_than": "1 day"}),
        ("order.paid_at", {"newer_than": "1 day"}),
        ("refund.amount", {"at_least": 0}),
        ("order.meta.engraving", "x"),
        ("shipment.tracking_number", "1"),
    ],
)
def test_comparing_with_a_missing_value_is_false_and_not_negates_the_whole(name: str, wanted: object) -> None:
    assert not holds(name, wanted)
    assert holds(name, {"not": wanted})


def test_a_field_with_many_values_holds_if_any_of_them_does() -> None:
    assert holds("item.sku", "MUG-2")
    assert not holds("item.sku", {"not": "MUG-2"})


def test_several_operators_have_to_hold_for_the_same_one_of_many_values() -> None:
    seen = order(items=(item("A", 1), item("B", 9)))
    assert not holds("item.quantity", {"at_least": 2, "at_most": 5}, scene(seen))
    parcels = (
        Shipment(id="1", shipped_at=NOW - timedelta(days=1)),
        Shipment(id="2", shipped_at=NOW - timedelta(days=30)),
    )
    seen = order(shipments=parcels)
    assert not holds("shipment.shipped_at", {"older_than": "2 days", "newer_than": "10 days"}, scene(seen))


def test_a_field_with_many_values_is_present_if_any_is_and_missing_if_none_is() -> None:
    assert holds("item.sku", "present", scene(order(items=(item(None), item("B")))))
    assert holds("item.sku", "missing", scene(order(items=(item(None),))))
    assert holds("order.tags", "missing", scene(order(tags=())))


def test_money_is_compared_by_amount_in_the_stores_currency() -> None:
    refunded = order(refunds=(Refund(id="1", amount=ils(20)), Refund(id="2", amount=ils(30))))
    assert holds("refund.amount", {"more_than": 25}, scene(refunded))
    assert not holds("refund.amount", {"more_than": 30}, scene(refunded))


def test_business_days_count_in_an_age() -> None:
    shipped_on_thursday = order(shipments=(Shipment(id="1", shipped_at=datetime(2026, 5, 28, 9, tzinfo=UTC)),))
    late = {"shipment.shipped_at": {"older_than": "2 business days"}}
    assert not compiled(late).hold(scene(shipped_on_thursday, datetime(2026, 6, 1, 8, 59, tzinfo=UTC)))
    assert compiled(late).hold(scene(shipped_on_thursday, datetime(2026, 6, 1, 9, tzinfo=UTC)))


def test_every_field_of_the_model_can_be_asked_for_and_explained() -> None:
    for name in FIELDS:
        for seen in (scene(), scene(order(items=(), tags=(), meta={}))):
            (check,) = compiled({name: "present"}).explain(seen)
            assert check.held is holds(name, "present", seen)


@pytest.mark.parametrize("odd", ["{}", "{0}", "{s.now}", "a'b", 'a"b', "a\\", "a\nb", ") or True or ("])
def test_what_people_write_is_a_value_and_nothing_else(odd: str) -> None:
    seen = scene(order(meta={odd: odd}, tags=(odd,)))
    assert holds(f"order.meta.{odd}", odd, seen)
    assert holds(f"order.meta.{odd}", {"starts_with": odd, "contains": odd}, seen)
    assert holds("order.tags", [odd, "other"], seen)
    assert not holds(f"order.meta.{odd}", {"not": odd}, seen)
    assert not holds(f"order.meta.{odd}", odd)


def test_what_people_ask_for_is_there() -> None:
    assert {
        "order.status",
        "order.total",
        "order.quantity",
        "order.tags",
        "order.coupons",
        "order.payment_method",
        "order.shipping_method",
        "order.refunded_in_full",
        "order.shipping.country",
        "order.billing.city",
        "customer.email",
        "customer.id",
        "item.sku",
        "item.product_id",
        "shipment.carrier",
        "shipment.tracking_number",
        "shipment.delivered_at",
        "refund.amount",
    } <= FIELDS.keys()


# Groups -------------------------------------------------------------------------------------------------------

YES, NO = {"order.status": "processing"}, {"order.status": "completed"}


def test_all_conditions_have_to_hold() -> None:
    assert compiled({"order.status": "processing", "order.tags": "vip"}).hold(scene())
    assert not compiled({"order.status": "processing", "order.tags": "wholesale"}).hold(scene())


def test_no_conditions_hold_always() -> None:
    assert compiled().hold(scene())


def test_any_of_as_a_mapping_needs_one_field() -> None:
    assert compiled(any_of={"order.status": "completed", "order.tags": "vip"}).hold(scene())
    assert not compiled(any_of={"order.status": "completed", "order.tags": "wholesale"}).hold(scene())


def test_any_of_as_a_list_needs_one_whole_group() -> None:
    both = {"order.status": "processing", "order.tags": "wholesale"}
    assert not compiled(any_of=[both, NO]).hold(scene())
    assert compiled(any_of=[both, YES]).hold(scene())


def test_none_of_as_a_mapping_forbids_each_field() -> None:
    assert not compiled(none_of={"order.status": "completed", "order.tags": "vip"}).hold(scene())
    assert compiled(none_of={"order.status": "completed", "order.tags": "wholesale"}).hold(scene())


def test_none_of_as_a_list_forbids_whole_groups_only() -> None:
    assert compiled(none_of=[{"order.status": "processing", "order.tags": "wholesale"}]).hold(scene())
    assert not compiled(none_of=[{"order.status": "processing", "order.tags": "vip"}]).hold(scene())


def test_conditions_any_of_and_none_of_have_to_hold_together() -> None:
    assert compiled(YES, YES, NO).hold(scene())
    assert not compiled(NO, YES, NO).hold(scene())
    assert not compiled(YES, NO, NO).hold(scene())
    assert not compiled(YES, YES, YES).hold(scene())


def test_each_field_of_stop_if_stops_by_itself_and_a_group_in_a_list_only_as_a_whole() -> None:
    assert not stop_if({"order.status": "refunded", "order.tags": "vip"}).hold(scene())
    assert stop_if([{"order.status": "refunded", "order.tags": "vip"}]).hold(scene())
    assert not stop_if([{"order.status": "refunded"}, {"order.tags": "vip"}]).hold(scene())


# Why ----------------------------------------------------------------------------------------------------------


def test_each_condition_tells_what_was_wanted_and_what_it_saw() -> None:
    checks = compiled(
        {
            "order.status": ["completed", "delivered"],
            "order.total": {"at_least": 100, "not": 120},
            "item.sku": {"starts_with": "TEA"},
            "order.paid_at": "missing",
            "order.test": False,
        }
    ).explain(scene())
    assert list(checks) == [
        Check("order.status", "any of completed, delivered", "processing", False),
        Check("order.total", "at least 100, not 120", "120.00 ILS", False),
        Check("item.sku", "starts with TEA", ["TEA-1", "MUG-2"], True),
        Check("order.paid_at", "missing", None, True),
        Check("order.test", "false", False, True),
    ]


def test_a_time_is_told_in_utc_and_when_its_age_will_change_the_verdict() -> None:
    (check,) = compiled({"order.created_at": {"older_than": "20 days"}}).explain(scene())
    flips_at = datetime(2026, 6, 11, 9, 0, tzinfo=UTC)
    assert check == Check("order.created_at", "older than 20 days", "2026-05-22T09:00:00+00:00", False, flips_at)


def test_conditions_are_told_by_what_is_judged_together() -> None:
    conditions = compiled(
        {"order.total": {"at_least": 10}},
        any_of=[{"order.status": "completed", "order.tags": "vip"}, {"order.test": False}],
        none_of={"order.status": "refunded", "order.tags": "wholesale"},
    )
    assert [(part.kind, [check.field for check in part.checks]) for part in conditions.parts(scene())] == [
        ("all_of", ["order.total"]),
        ("any_of", ["order.status", "order.tags"]),
        ("any_of", ["order.test"]),
        ("none_of", ["order.status"]),
        ("none_of", ["order.tags"]),
    ]


def test_where_any_of_holds_none_of_its_conditions_stood_in_the_way() -> None:
    checks = compiled(any_of={"order.status": "completed", "order.tags": "vip"}).explain(scene())
    assert [(check.wanted, check.held) for check in checks] == [("any of: completed", True), ("any of: vip", True)]


def test_where_any_of_fails_each_group_shows_what_it_failed_by() -> None:
    checks = compiled(any_of=[{"order.status": "processing", "order.tags": "wholesale"}, NO]).explain(scene())
    assert [(check.field, check.held) for check in checks] == [
        ("order.status", True),
        ("order.tags", False),
        ("order.status", False),
    ]


def test_a_forbidden_group_stands_in_the_way_as_a_whole() -> None:
    (status, tags) = stop_if([{"order.status": "processing", "order.tags": "vip"}]).explain(scene())
    assert (status.wanted, status.held) == ("not: processing", False)
    assert (tags.wanted, tags.held) == ("not: vip", False)


GIVEN = st.sampled_from(
    [
        ("order.status", "processing"),
        ("order.status", {"not": "processing"}),
        ("order.tags", ["vip", "new"]),
        ("order.paid_at", "missing"),
        ("order.created_at", {"older_than": "10 days"}),
        ("order.total", {"at_least": 121}),
        ("item.quantity", {"more_than": 2}),
        ("order.test", True),
    ]
)
GROUP = st.lists(GIVEN, min_size=1, max_size=3).map(dict)
GROUPS = st.none() | GROUP | st.lists(GROUP, min_size=1, max_size=3)


@given(st.none() | GROUP, GROUPS, GROUPS, st.integers(-1, 1))
def test_explaining_and_judging_are_always_of_one_mind(
    conditions: object, any_of: object, none_of: object, seconds: int
) -> None:
    at = scene(now=NOW + timedelta(seconds=seconds))
    made = compiled(conditions, any_of, none_of)
    assert made.hold(at) is all(check.held for check in made.explain(at))


# By time alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "before", "after"),
    [
        ({"older_than": "11 days"}, False, True),
        ({"newer_than": "11 days"}, True, False),
        ({"not": {"older_than": "11 days"}}, True, False),
    ],
)
def test_an_age_says_to_the_second_when_its_verdict_changes(wanted: object, before: bool, after: bool) -> None:
    made = compiled({"order.created_at": wanted})
    flips_at = made.flips_at(scene())
    assert flips_at == NOW + timedelta(days=1)
    assert made.hold(scene(now=flips_at - timedelta(microseconds=1))) is before
    assert made.hold(scene(now=flips_at)) is after
    assert made.flips_at(scene(now=flips_at)) is None


def test_the_soonest_change_among_all_groups_counts() -> None:
    made = compiled(
        {"order.created_at": {"older_than": "13 days"}},
        any_of=[{"order.created_at": {"older_than": "12 days"}}],
        none_of={"order.created_at": {"older_than": "11 days", "newer_than": "1 day"}},
    )
    assert made.flips_at(scene()) == NOW + timedelta(days=1)


def test_what_time_does_not_touch_never_changes_by_itself() -> None:
    assert compiled({"order.status": "completed"}).flips_at(scene()) is None
    assert compiled({"order.paid_at": {"older_than": "1 day"}}).flips_at(scene()) is None


# Mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("order.state", "x", "there is no field 'order.state'; did you mean 'order.status'?"),
        ("customer.mail", "x", "there is no field 'customer.mail'; did you mean 'customer.email'?"),
        ("order.customer.email", "x", "there is no field 'order.customer.email'; did you mean 'customer.email'?"),
        ("sky", "x", "there is no field 'sky'; docs/rules.md lists the fields"),
        ("order.total", {"atleast": 5}, "there is no operator 'atleast'; did you mean 'at_least'?"),
        ("order.status", True, "order.status is text: if you mean the word, write 'true' in quotes"),
        ("order.status", None, "order.status is text, not nothing; for an empty field write 'missing'"),
        ("order.status", [["a"]], "order.status is text, not a list"),
        ("order.status", {"contains": ["a"]}, "order.status is text, not a list"),
        ("order.status", {"contains": ""}, "order.status is text, not nothing; for an empty field write 'missing'"),
        ("order.status", {"at_least": 5}, "order.status is text: it has no more or less"),
        ("order.status", {"older_than": "1 day"}, "order.status is text: only times grow older"),
        ("order.total", "120 ILS", "order.total is a number, in the store's currency, not '120 ILS'"),
        ("order.total", {"contains": "1"}, "order.total is an amount: only text can contain or start with something"),
        ("order.total", {"at_least": "nan"}, "order.total is a number, in the store's currency, not 'nan'"),
        ("order.quantity", True, "order.quantity is a number, not 'true'"),
        ("order.quantity", {"at_least": [1]}, "order.quantity is a number, not a list"),
        ("order.quantity", {"older_than": "1 day"}, "order.quantity is a number: only times grow older"),
        ("order.test", "yes", "order.test is true or false, not 'yes'"),
        ("order.test", {"more_than": 1}, "order.test is true or false: it has no more or less"),
        (
            "order.paid_at",
            "2026-06-01",
            "order.paid_at is a time: write present, missing, 'older_than: 3 days' or 'newer_than: …'",
        ),
        ("order.paid_at", {"at_least": 3}, "order.paid_at is a time: write older_than or newer_than"),
        ("order.status", [], "an empty list can never hold; write at least one value"),
        (
            "order.tags",
            ["vip", "missing"],
            "'missing' stands alone, not in a list; write both cases under 'any_of', as a list",
        ),
    ],
)
def test_a_mistake_says_what_to_write_instead(name: str, wanted: object, message: str) -> None:
    assert mistake(name, wanted) == message


def test_an_empty_mapping_is_told_the_operators() -> None:
    assert mistake("order.total", {}).startswith("write what is wanted, like 'at_least: 2' (one of at_least, at_most")


def test_an_age_that_is_no_wait_says_so() -> None:
    assert mistake("order.paid_at", {"older_than": "3 mooons"}).startswith("'3 mooons' is not a wait")


@pytest.mark.parametrize("spec", [{}, [], "order.status", [None], [{}], ["order.status"], [[YES]]])
def test_groups_that_are_empty_or_not_mappings_are_mistakes(spec: object) -> None:
    for key in ("any_of", "none_of"):
        problems: list[ConditionProblem] = []
        arguments: Mapping[str, object] = {"any_of": None, "none_of": None, key: spec}
        compile_conditions(None, **arguments, problems=problems)
        assert [(p.path[0], p.message) for p in problems] == [(key, "write conditions as 'field: value', one a line")]


def test_a_mistake_in_a_list_of_groups_is_found_at_its_place() -> None:
    problems: list[ConditionProblem] = []
    compile_stop_if([YES, {"order.stats": "x"}], problems)
    assert [problem.path for problem in problems] == [("stop_if", 1, "order.stats")]


def test_all_mistakes_are_listed_and_what_is_right_is_kept() -> None:
    problems: list[ConditionProblem] = []
    made = compile_conditions(
        {"order.stats": 1, "order.status": "processing", "order.total": "x"}, None, None, problems
    )
    assert [problem.path[-1] for problem in problems] == ["order.stats", "order.total"]
    assert [predicate.field.name for predicate in made.all_of] == ["order.status"]
