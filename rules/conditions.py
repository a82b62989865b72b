"""`field: value` → does it hold, and why.

Fields come from the model, so a wrong one is an error with a suggestion. Conditions are compiled to closures once;
what they look at is a `Scene`. Text compares without case, a field with many values holds if any of them does,
comparing with a missing value is false, and `not` negates the whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from operator import attrgetter
from types import UnionType
from typing import Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from adapters.model import LineItem, Money, Order, Refund, Shipment
from rules.timing import Calendar, Duration, after, parse_duration

Kind = Literal["text", "number", "money", "time", "flag"]
Value = str | int | Decimal | Money | datetime | bool | None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a condition looks at: an order, the shipments and items of the follow-up's subject, and now."""

    order: Order
    shipments: tuple[Shipment, ...]
    items: tuple[LineItem, ...]
    calendar: Calendar
    now: datetime


class Check(NamedTuple):
    """One condition's verdict, for a person. `held` is true where the condition did not stand in the way."""

    field: str
    wanted: str
    saw: object
    held: bool


class ConditionProblem(NamedTuple):
    """A mistake in a rule file's conditions; `path` leads to it from the rule or step."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Field:
    """Something that conditions can look at: its type, and how to get its values from a scene."""

    name: str
    kind: Kind
    values: Callable[[Scene], Sequence[Value]]
    single: Callable[[Scene], Value] | None = None
    """The quick way, for fields that have one value at most."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """One compiled `field: value`."""

    field: Field
    wanted: str
    holds: Callable[[Scene], bool]
    flips: tuple[Callable[[Scene], datetime | None], ...] = ()


Group = tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of `all_of`, at least one group of `any_of` (if there are any), and no group of `none_of`."""

    all_of: Group = ()
    any_of: tuple[Group, ...] = ()
    none_of: tuple[Group, ...] = ()

    def hold(self, scene: Scene) -> bool:
        """Whether the follow-up may go on, as far as these conditions say."""
        for predicate in self.all_of:
            if not predicate.holds(scene):
                return False
        if self.any_of and not any(_all(group, scene) for group in self.any_of):
            return False
        return not any(_all(group, scene) for group in self.none_of)

    def explain(self, scene: Scene) -> Iterator[Check]:
        """Every condition with the value that it saw."""
        for predicate in self.all_of:
            yield _check(predicate, scene, predicate.holds(scene))
        some_group_held = any(_all(group, scene) for group in self.any_of)
        for group in self.any_of:
            for predicate in group:
                yield _check(predicate, scene, some_group_held or predicate.holds(scene), "any of: ")
        for group in self.none_of:
            stands_in_the_way = _all(group, scene)
            for predicate in group:
                yield _check(predicate, scene, not stands_in_the_way, "not: ")

    def flips_at(self, scene: Scene) -> datetime | None:
        """The next moment at which time alone may change the verdict."""
        moments = (
            flip(scene)
            for group in (self.all_of, *self.any_of, *self.none_of)
            for predicate in group
            for flip in predicate.flips
        )
        return min((moment for moment in moments if moment is not None), default=None)


ALWAYS = Conditions()


def compile_conditions(
    conditions: object, any_of: object, none_of: object, problems: list[ConditionProblem]
) -> Conditions:
    """Compile the three mappings of a rule. Mistakes are appended to `problems`; what is right is kept."""
    return Conditions(
        all_of=_group(conditions, ("conditions",), problems),
        any_of=tuple(_alternatives(any_of, "any_of", problems)),
        none_of=tuple(_alternatives(none_of, "none_of", problems)),
    )


def compile_stop_if(spec: object, problems: list[ConditionProblem]) -> Conditions:
    """`stop_if`: each `field: value` is a reason to stop by itself."""
    return Conditions(none_of=tuple(_alternatives(spec, "stop_if", problems)))


def _alternatives(spec: object, key: str, problems: list[ConditionProblem]) -> Iterator[Group]:
    """A mapping gives one group a field; a list gives one group an entry, whose fields must hold together."""
    if isinstance(spec, list):
        for position, entry in enumerate(spec):
            if group := _group(entry, (key, position), problems):
                yield group
        return
    for predicate in _group(spec, (key,), problems):
        yield (predicate,)


def _group(spec: object, path: tuple[str | int, ...], problems: list[ConditionProblem]) -> Group:
    if spec is None:
        return ()
    if not isinstance(spec, Mapping):
        problems.append(ConditionProblem(path, "write conditions as 'field: value', one a line"))
        return ()
    predicates = []
    for name, wanted in spec.items():
        where = (*path, str(name))
        field = find_field(str(name))
        if field is None:
            problems.append(ConditionProblem(where, _no_such_field(str(name))))
            continue
        try:
            predicates.append(_predicate(field, wanted))
        except ValueError as error:
            problems.append(ConditionProblem(where, str(error)))
    return tuple(predicates)


def _all(group: Group, scene: Scene) -> bool:
    return all(predicate.holds(scene) for predicate in group)


def _check(predicate: Predicate, scene: Scene, held: bool, prefix: str = "") -> Check:
    saw = [_readable(value) for value in predicate.field.values(scene) if value is not None]
    if predicate.field.single is not None:
        return Check(predicate.field.name, prefix + predicate.wanted, saw[0] if saw else None, held)
    return Check(predicate.field.name, prefix + predicate.wanted, saw, held)


def _readable(value: Value) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value if isinstance(value, bool | int) else str(value)


# What is wanted of a field ------------------------------------------------------------------------------------

Test = Callable[[Value], bool]


class _Wanted(NamedTuple):
    """A wanted value, compiled: a test of the values, whether it is negated, and how it reads."""

    holds: Callable[[Scene], bool]
    reads: str
    flips: tuple[Callable[[Scene], datetime | None], ...] = ()


def _predicate(field: Field, spec: object) -> Predicate:
    wanted = _wanted(field, spec)
    return Predicate(field, wanted.reads, wanted.holds, wanted.flips)


def _wanted(field: Field, spec: object) -> _Wanted:
    if spec == "present":
        return _Wanted(_is_present(field), "present")
    if spec == "missing":
        present = _is_present(field)
        return _Wanted(lambda scene: not present(scene), "missing")
    if isinstance(spec, Mapping):
        return _operators(field, spec)
    if isinstance(spec, list):
        if not spec:
            raise ValueError("an empty list can never hold; write at least one value")
        allowed = frozenset(_literal(field, entry) for entry in spec)
        return _Wanted(_any_value(field, _among(field, allowed)), "any of " + ", ".join(map(str, spec)))
    return _Wanted(_any_value(field, _among(field, frozenset([_literal(field, spec)]))), str(spec))


def _operators(field: Field, spec: Mapping[object, object]) -> _Wanted:
    if not spec:
        raise ValueError(f"write what is wanted, like 'at_least: 2' (one of {', '.join(OPERATORS)})")
    parts: list[_Wanted] = []
    tests: list[Test] = []
    reads: list[str] = []
    for name, operand in spec.items():
        if name == "not":
            parts.append(_negated(_wanted(field, operand)))
        elif name in _AGES:
            parts.append(_age(field, str(name), operand))
        elif isinstance(name, str) and name in _OPERATORS:
            tests.append(_OPERATORS[name](field, operand))
            reads.append(f"{name.replace('_', ' ')} {operand}")
        else:
            raise ValueError(f"there is no operator '{name}'{_did_you_mean(str(name), OPERATORS)}")
    if tests:
        parts.insert(0, _Wanted(_any_value(field, _both(tests)), ", ".join(reads)))
    if len(parts) == 1:
        return parts[0]
    return _Wanted(
        lambda scene: all(part.holds(scene) for part in parts),
        ", ".join(part.reads for part in parts),
        tuple(flip for part in parts for flip in part.flips),
    )


def _negated(wanted: _Wanted) -> _Wanted:
    holds = wanted.holds
    return _Wanted(lambda scene: not holds(scene), f"not {wanted.reads}", wanted.flips)


def _both(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def _any_value(field: Field, test: Test) -> Callable[[Scene], bool]:
    """Whether any value of the field passes; a missing value never does."""
    if field.single is not None:
        single = field.single

        def one(scene: Scene) -> bool:
            value = single(scene)
            return value is not None and test(value)

        return one
    values = field.values
    return lambda scene: any(value is not None and test(value) for value in values(scene))


def _is_present(field: Field) -> Callable[[Scene], bool]:
    return _any_value(field, lambda _: True)


def _among(field: Field, allowed: frozenset[Value]) -> Test:
    match field.kind:
        case "text":
            return lambda value: value.casefold() in allowed  # type: ignore[union-attr]
        case "money":
            return lambda value: value.amount in allowed  # type: ignore[union-attr]
        case _:
            return allowed.__contains__


def _literal(field: Field, spec: object) -> Value:
    """A value from YAML as the field's type has it."""
    match field.kind:
        case "text":
            if isinstance(spec, bool | Mapping) or spec is None:
                raise ValueError(f"{field.name} is text; write it in quotes if it looks like something else")
            return str(spec).casefold()
        case "number" | "money":
            return _number(field, spec)
        case "flag":
            if not isinstance(spec, bool):
                raise ValueError(f"{field.name} is true or false, not '{spec}'")  # noqa: TRY004  as all mistakes here
            return spec
        case "time":
            raise ValueError(f"{field.name} is a time: write present, missing, older_than or newer_than")


def _number(field: Field, spec: object) -> Decimal:
    if isinstance(spec, bool) or not isinstance(spec, int | str | float):
        raise ValueError(f"{field.name} is a number, not '{spec}'")  # noqa: TRY004  as all mistakes here
    try:
        number = Decimal(str(spec))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ValueError(f"{field.name} is a number, not '{spec}'")
    return number


def _comparison(compare: Callable[[Decimal, Decimal], bool], field: Field, operand: object) -> Test:
    if field.kind not in ("number", "money"):
        raise ValueError(f"{field.name} is {_a(field.kind)}: it has no more or less")
    limit = _number(field, operand)
    if field.kind == "money":
        return lambda value: compare(value.amount, limit)  # type: ignore[union-attr]
    return lambda value: compare(value, limit)  # type: ignore[arg-type]


def _textual(inside: Callable[[str, str], bool], field: Field, operand: object) -> Test:
    if field.kind != "text":
        raise ValueError(f"{field.name} is {_a(field.kind)}: only text can contain or start with something")
    if isinstance(operand, list | Mapping | bool) or operand is None or str(operand) == "":
        raise ValueError("write the text to look for")
    part = str(operand).casefold()
    return lambda value: inside(value.casefold(), part)  # type: ignore[union-attr]


def _age(field: Field, name: str, operand: object) -> _Wanted:
    """`older_than` / `newer_than`: comes true, or ends, by time alone, so it also says when."""
    if field.kind != "time":
        raise ValueError(f"{field.name} is {_a(field.kind)}: only times grow older")
    span = parse_duration(str(operand))
    older = name == "older_than"

    def holds(scene: Scene) -> bool:
        return any(
            value is not None and (_end(value, span, scene) <= scene.now) is older for value in field.values(scene)
        )

    def flips(scene: Scene) -> datetime | None:
        ends = (_end(value, span, scene) for value in field.values(scene) if value is not None)
        return min((end for end in ends if end > scene.now), default=None)

    return _Wanted(holds, f"{name.replace('_', ' ')} {span}", (flips,))


def _end(value: Value, span: Duration, scene: Scene) -> datetime:
    assert isinstance(value, datetime)
    return after(value, span, scene.calendar)


_OPERATORS: Mapping[str, Callable[[Field, object], Test]] = {
    "at_least": partial(_comparison, Decimal.__ge__),
    "at_most": partial(_comparison, Decimal.__le__),
    "more_than": partial(_comparison, Decimal.__gt__),
    "less_than": partial(_comparison, Decimal.__lt__),
    "contains": partial(_textual, str.__contains__),
    "starts_with": partial(_textual, str.startswith),
}
_AGES = ("older_than", "newer_than")
OPERATORS = (*_OPERATORS, *_AGES, "not")


def _a(kind: Kind) -> str:
    names = {"number": "a number", "money": "an amount", "time": "a time", "flag": "true or false"}
    return names.get(kind, "text")


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(known)}"


# The fields, read off the model -------------------------------------------------------------------------------

META = "order.meta."


def find_field(name: str) -> Field | None:
    """The field of this name, among them `order.meta.<any key>`; None if there is none."""
    if name.startswith(META) and len(name) > len(META):
        key = name.removeprefix(META)
        return _single(name, "text", lambda scene: scene.order.meta.get(key))
    return FIELDS.get(name)


def _no_such_field(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "; docs/rules.md lists the fields"
    return f"there is no field '{name}'{hint}"


def _single(name: str, kind: Kind, get: Callable[[Scene], Value]) -> Field:
    return Field(name, kind, lambda scene: (get(scene),), get)


_KINDS: Mapping[object, Kind] = {
    str: "text",
    int: "number",
    Decimal: "number",
    Money: "money",
    datetime: "time",
    bool: "flag",
}


def _read_off(model: type[msgspec.Struct], noun: str, path: str) -> Iterator[Field]:
    """The fields of a struct that is reached by one attribute path from the scene."""
    hints = get_type_hints(model)
    for name in model.__struct_fields__:
        hint = _without_none(hints[name])
        attribute = f"{path}.{name}"
        if kind := _KINDS.get(hint):
            yield _single(f"{noun}.{name}", kind, attrgetter(attribute))
        elif get_origin(hint) is tuple and get_args(hint)[0] is str:
            yield Field(f"{noun}.{name}", "text", attrgetter(attribute))
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _read_off(hint, name if name == "customer" else f"{noun}.{name}", attribute)


def _read_off_each(model: type[msgspec.Struct], noun: str, path: str) -> Iterator[Field]:
    """The fields of structs of which a scene has many; a money's or time's kind is that of each."""
    many = attrgetter(path)
    hints = get_type_hints(model)
    for name in model.__struct_fields__:
        if kind := _KINDS.get(_without_none(hints[name])):
            get = attrgetter(name)
            yield Field(f"{noun}.{name}", kind, lambda scene, get=get: [get(each) for each in many(scene)])  # type: ignore[misc]


def _without_none(hint: object) -> object:
    if get_origin(hint) in (UnionType, Union):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _all_fields() -> Iterator[Field]:
    yield from _read_off(Order, "order", "order")
    yield from _read_off_each(LineItem, "item", "items")
    yield from _read_off_each(Shipment, "shipment", "shipments")
    yield from _read_off_each(Refund, "refund", "order.refunds")
    yield _single("order.quantity", "number", lambda scene: sum(item.quantity for item in scene.order.items))
    yield _single("order.refunded_in_full", "flag", lambda scene: scene.order.refunded_in_full)


FIELDS: Mapping[str, Field] = {field.name: field for field in _all_fields()}
