"""`field: value` → does it hold, and why.

Fields come from the model, so a wrong one is an error with a suggestion. Conditions are compiled to closures once;
what they look at is a `Scene`. Text compares without case, a field with many values holds if any of them does,
comparing with a missing value is false, and `not` negates the whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial, reduce
from itertools import chain
from operator import attrgetter, ge, gt, le, lt, methodcaller
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from adapters.model import LineItem, Money, Order, Refund, Return, Review, Shipment, StaffNote
from rules.timing import Calendar, Duration, after, over, parse_duration

Kind = Literal["text", "number", "money", "time", "flag"]
Value = str | int | Decimal | Money | datetime | bool | None


class Scene(Struct, frozen=True, gc=False):
    """What a condition looks at: an order, the shipments and items of the follow-up's subject, and now; and the review
    or note that set the rule off, if one did.
    """

    order: Order
    shipments: tuple[Shipment, ...]
    items: tuple[LineItem, ...]
    calendar: Calendar
    now: datetime
    review: Review | None = None
    note: StaffNote | None = None


class Check(NamedTuple):
    """One condition's verdict, for a person. `held` is true where the condition did not stand in the way. At `flips_at`
    (UTC) time alone may change it.
    """

    field: str
    wanted: str
    saw: object
    held: bool
    flips_at: datetime | None = None


class Part(NamedTuple):
    """Conditions that are judged together: one that must hold, or a group of which all have to hold at once, for
    `any_of` to be met or for `none_of` to be violated. Their `wanted` is what the group asks for.
    """

    kind: Literal["all_of", "any_of", "none_of"]
    checks: tuple[Check, ...]


class ConditionProblem(NamedTuple):
    """A mistake in a rule file's conditions; `path` leads to it from the rule or step."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Field:
    """Something that conditions can look at: its type, and how to get its values from a scene."""

    name: str
    kind: Kind
    values: Callable[[Scene], Iterable[Value]]
    single: Callable[[Order], Value] | None = None
    """The quick way, for fields of the order itself: they have one value at most."""


Holds = Callable[[Scene], bool]


@dataclass(frozen=True, slots=True)
class Predicate:
    """One compiled `field: value`."""

    field: Field
    wanted: str
    holds: Holds
    flips: tuple[Callable[[Scene], datetime | None], ...] = ()
    spans: tuple[Duration, ...] = ()


Group = tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of `all_of`, at least one group of `any_of` (if there are any), and no group of `none_of`.

    `hold(scene)` tells whether the follow-up may go on, as far as these conditions say.
    """

    all_of: Group = ()
    any_of: tuple[Group, ...] = ()
    none_of: tuple[Group, ...] = ()
    hold: Holds = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = [predicate.holds for predicate in self.all_of]
        if self.any_of:
            parts.append(_any([_group_holds(group) for group in self.any_of]))
        if self.none_of:
            parts.append(_negated(_any([_group_holds(group) for group in self.none_of])))
        object.__setattr__(self, "hold", _all(parts))

    @property
    def spans(self) -> Iterator[Duration]:
        """All spans of time that are spoken of."""
        for predicate in self.predicates():
            yield from predicate.spans

    def explain(self, scene: Scene) -> Iterator[Check]:
        """Every condition with the value that it saw."""
        for part in self.parts(scene):
            for check in part.checks:
                yield check._replace(wanted=_PREFIX[part.kind] + check.wanted)

    def parts(self, scene: Scene) -> Iterator[Part]:
        """Every condition with the value that it saw, by what is judged together."""
        for predicate in self.all_of:
            yield Part("all_of", (_check(predicate, scene, predicate.holds(scene)),))
        some_group_held = any(_group_holds(group)(scene) for group in self.any_of)
        for group in self.any_of:
            checks = (_check(predicate, scene, some_group_held or predicate.holds(scene)) for predicate in group)
            yield Part("any_of", tuple(checks))
        for group in self.none_of:
            stands_in_the_way = _group_holds(group)(scene)
            yield Part("none_of", tuple(_check(predicate, scene, not stands_in_the_way) for predicate in group))

    def flips_at(self, scene: Scene) -> datetime | None:
        """The next moment at which time alone may change the verdict."""
        moments = (flip(scene) for predicate in self.predicates() for flip in predicate.flips)
        return min((moment for moment in moments if moment is not None), default=None)

    def predicates(self) -> Iterator[Predicate]:
        """Everything that is asked, whatever group it stands in."""
        for group in (self.all_of, *self.any_of, *self.none_of):
            yield from group


def compile_conditions(
    conditions: object, any_of: object, none_of: object, problems: list[ConditionProblem]
) -> Conditions:
    """Compile the three mappings of a rule. Mistakes are appended to `problems`; what is right is kept."""
    return Conditions(
        all_of=_group(conditions, ("conditions",), problems) if conditions is not None else (),
        any_of=tuple(_alternatives(any_of, "any_of", problems)),
        none_of=tuple(_alternatives(none_of, "none_of", problems)),
    )


def compile_stop_if(spec: object, problems: list[ConditionProblem], key: str = "stop_if") -> Conditions:
    """`stop_if`, and what is written like it: each `field: value` is a reason to stop by itself."""
    return Conditions(none_of=tuple(_alternatives(spec, key, problems)))


def _alternatives(spec: object, key: str, problems: list[ConditionProblem]) -> Iterator[Group]:
    """A mapping gives one group a field; a list gives one group an entry, whose fields must hold together."""
    if spec is None:
        return
    if isinstance(spec, list) and spec:
        for position, entry in enumerate(spec):
            if group := _group(entry, (key, position), problems):
                yield group
        return
    for predicate in _group(spec, (key,), problems):
        yield (predicate,)


def _group(spec: object, path: tuple[str | int, ...], problems: list[ConditionProblem]) -> Group:
    if not isinstance(spec, Mapping) or not spec:
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


def _group_holds(group: Group) -> Holds:
    return _all([predicate.holds for predicate in group])


_PREFIX = {"all_of": "", "any_of": "any of: ", "none_of": "not: "}


def _check(predicate: Predicate, scene: Scene, held: bool) -> Check:
    values = [_readable(value) for value in predicate.field.values(scene) if value is not None]
    saw = values if predicate.field.single is None else values[0] if values else None
    moments = [moment for flip in predicate.flips if (moment := flip(scene)) is not None]
    return Check(predicate.field.name, predicate.wanted, saw, held, min(moments, default=None))


def _readable(value: Value) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value if isinstance(value, bool | int) else str(value)


# What is wanted of a field ------------------------------------------------------------------------------------

Test = Callable[[Any], bool]
"""Of one value as `_READ` gives it. Built-in functions with an argument bound: nothing is faster."""


class _Wanted(NamedTuple):
    """What is wanted of a field, compiled; how it reads; when it may come true or end by time alone; and what spans of
    time it speaks of.
    """

    holds: Holds
    reads: str
    flips: tuple[Callable[[Scene], datetime | None], ...] = ()
    spans: tuple[Duration, ...] = ()


def _predicate(field: Field, spec: object) -> Predicate:
    wanted = _wanted(field, spec)
    return Predicate(field, wanted.reads, wanted.holds, wanted.flips, wanted.spans)


def _wanted(field: Field, spec: object) -> _Wanted:
    if isinstance(spec, Mapping):
        return _operators(field, spec)
    if isinstance(spec, list):
        return _one_of(field, spec)
    word = spec.casefold() if isinstance(spec, str) else None
    if word == "present":
        return _Wanted(_is_present(field), "present")
    if word == "missing":
        return _Wanted(_negated(_is_present(field)), "missing")
    return _Wanted(_is_among(field, frozenset([_literal(field, spec)])), _shown(spec))


def _one_of(field: Field, spec: Sequence[object]) -> _Wanted:
    if not spec:
        raise ValueError("an empty list can never hold; write at least one value")
    for entry in spec:
        if isinstance(entry, str) and entry.casefold() in ("present", "missing"):
            raise ValueError(f"'{entry}' stands alone, not in a list; write both cases under 'any_of', as a list")
    allowed = frozenset(_literal(field, entry) for entry in spec)
    return _Wanted(_is_among(field, allowed), "any of " + ", ".join(map(_shown, spec)))


def _operators(field: Field, spec: Mapping[object, object]) -> _Wanted:
    """Several operators hold together: of a field with many values, for the same one."""
    if not spec:
        raise ValueError(f"write what is wanted, like 'at_least: 2' (one of {', '.join(OPERATORS)})")
    parts: list[_Wanted] = []
    tests: list[Test] = []
    ages: list[_Age] = []
    for name, operand in spec.items():
        if name == "not":
            wanted = _wanted(field, operand)
            parts.append(_Wanted(_negated(wanted.holds), f"not {wanted.reads}", wanted.flips, wanted.spans))
        elif name in _AGES:
            ages.append(_age(field, str(name), operand))
        elif isinstance(name, str) and name in _OPERATORS:
            tests.append(_OPERATORS[name](field, operand))
        else:
            raise ValueError(f"there is no operator '{name}'{_did_you_mean(str(name), OPERATORS)}")
    if tests:
        parts.append(_Wanted(_any_value(field, reduce(_both, tests)), ""))
    if ages:
        parts.append(_of_age(field, ages))
    reads = ", ".join(f"{str(name).replace('_', ' ')} {_shown(operand)}" for name, operand in spec.items())
    flips = tuple(flip for part in parts for flip in part.flips)
    return _Wanted(_all([part.holds for part in parts]), reads, flips, tuple(chain(*(part.spans for part in parts))))


def _shown(spec: object) -> str:
    """What is wanted, as a person would write it."""
    match spec:
        case bool():
            return str(spec).lower()
        case list():
            return "any of " + ", ".join(map(_shown, spec))
        case Mapping():
            return ", ".join(f"{str(name).replace('_', ' ')} {_shown(operand)}" for name, operand in spec.items())
    return str(spec)


def _literal(field: Field, spec: object) -> Value:
    """A value from YAML, to be found among those that `_READ` gives."""
    match field.kind:
        case "text":
            return _text(field, spec).casefold()
        case "number" | "money":
            return _number(field, spec)
        case "flag":
            if not isinstance(spec, bool):
                raise ValueError(f"{field.name} is true or false, not {_quoted(spec)}")  # noqa: TRY004  as all mistakes here
            return spec
        case "time":
            raise ValueError(f"{field.name} is a time: write present, missing, 'older_than: 3 days' or 'newer_than: …'")


def _text(field: Field, spec: object) -> str:
    if isinstance(spec, bool):
        raise ValueError(f"{field.name} is text: if you mean the word, write '{_shown(spec)}' in quotes")  # noqa: TRY004
    if not isinstance(spec, str | int | float) or not str(spec).strip():
        raise ValueError(f"{field.name} is text, not {_quoted(spec)}")
    return str(spec).strip()


def _number(field: Field, spec: object) -> Decimal:
    try:
        number = Decimal(str(spec)) if isinstance(spec, int | float | str) and not isinstance(spec, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        hint = ", in the store's currency" if field.kind == "money" else ""
        raise ValueError(f"{field.name} is a number{hint}, not {_quoted(spec)}")
    return number


def _quoted(spec: object) -> str:
    if spec is None or spec == "":
        return "nothing; for an empty field write 'missing'"
    return "a list" if isinstance(spec, list) else "a mapping" if isinstance(spec, Mapping) else f"'{_shown(spec)}'"


# Operators ----------------------------------------------------------------------------------------------------


def _comparison(bound: Callable[[Any, Any], bool], field: Field, operand: object) -> Test:
    """`bound` is what the operand has to be of the value."""
    if field.kind == "time":
        raise ValueError(f"{field.name} is a time: write older_than or newer_than")
    if field.kind not in ("number", "money"):
        raise ValueError(f"{field.name} is {_a(field.kind)}: it has no more or less")
    number = _number(field, operand)
    if field.kind == "number" and abs(number) < _HUGE and number == int(number):
        return partial(bound, int(number))  # counts are compared with counts twice as fast
    return partial(bound, number)


_HUGE = 10**9


def _textual(method: str, field: Field, operand: object) -> Test:
    if field.kind != "text":
        raise ValueError(f"{field.name} is {_a(field.kind)}: only text can contain or start with something")
    return methodcaller(method, _text(field, operand).casefold())


_OPERATORS: Mapping[str, Callable[[Field, object], Test]] = {
    "at_least": partial(_comparison, le),
    "at_most": partial(_comparison, ge),
    "more_than": partial(_comparison, lt),
    "less_than": partial(_comparison, gt),
    "contains": partial(_textual, "__contains__"),
    "starts_with": partial(_textual, "startswith"),
}
_AGES = ("older_than", "newer_than")
OPERATORS = (*_OPERATORS, *_AGES, "not")


class _Age(NamedTuple):
    """A time's age has to be at least `span` (older), or less."""

    span: Duration
    older: bool


def _age(field: Field, name: str, operand: object) -> _Age:
    if field.kind != "time":
        raise ValueError(f"{field.name} is {_a(field.kind)}: only times grow older")
    return _Age(parse_duration(str(operand)), name == "older_than")


def _of_age(field: Field, ages: Sequence[_Age]) -> _Wanted:
    """Comes true, or ends, by time alone, so it also says when."""

    single, wanted = field.single, [(over(age.span), age.older) for age in ages]

    def is_of_age(moment: Any, scene: Scene) -> bool:
        for is_over, older in wanted:  # noqa: SIM110  as below
            if is_over(moment, scene.calendar, scene.now) is not older:
                return False
        return True

    def some(scene: Scene) -> bool:
        for value in field.values(scene):  # noqa: SIM110  as below
            if value is not None and is_of_age(value, scene):
                return True
        return False

    def one(scene: Scene) -> bool:
        return (value := single(scene.order)) is not None and is_of_age(value, scene)  # type: ignore[misc]

    def flips(scene: Scene) -> datetime | None:
        moments = [value for value in field.values(scene) if isinstance(value, datetime)]
        ends = (after(moment, age.span, scene.calendar) for moment in moments for age in ages)
        return min((end for end in ends if end > scene.now), default=None)

    return _Wanted(some if single is None else one, "", (flips,), tuple(age.span for age in ages))


def _a(kind: Kind) -> str:
    names = {"number": "a number", "money": "an amount", "time": "a time", "flag": "true or false"}
    return names.get(kind, "text")


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(known)}"


# Closures: few and flat, as a first poll runs millions of them ------------------------------------------------

_READ: Mapping[Kind, Callable[[Any], Any]] = {"text": str.casefold, "money": attrgetter("amount")}
"""What of a value is compared, where that is not the value itself."""


def _any_value(field: Field, test: Test) -> Holds:
    """Whether any value of the field passes; a missing value never does."""
    read, single, values = _READ.get(field.kind), field.single, field.values

    def many(scene: Scene) -> bool:
        for value in values(scene):  # noqa: SIM110  a generator would take twice as long
            if value is not None and test(value if read is None else read(value)):
                return True
        return False

    if single is None:
        return many
    if read is None:
        return lambda scene: (value := single(scene.order)) is not None and test(value)
    return lambda scene: (value := single(scene.order)) is not None and test(read(value))


def _is_among(field: Field, allowed: frozenset[Value]) -> Holds:
    """Whether any value of the field is one of these: what conditions mostly ask."""
    single = field.single
    if single is None or field.kind == "money":
        return _any_value(field, allowed.__contains__)
    if field.kind == "text":
        return lambda scene: (text := single(scene.order)) is not None and text.casefold() in allowed  # type: ignore[union-attr]
    return lambda scene: single(scene.order) in allowed


def _is_present(field: Field) -> Holds:
    single, values = field.single, field.values

    def some(scene: Scene) -> bool:
        for value in values(scene):  # noqa: SIM110  as above
            if value is not None:
                return True
        return False

    return some if single is None else lambda scene: single(scene.order) is not None


def _both(first: Test, second: Test) -> Test:
    return lambda value: first(value) and second(value)


def _negated(holds: Holds) -> Holds:
    return lambda scene: not holds(scene)


def _all(parts: Sequence[Holds]) -> Holds:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return _both(*parts)

    def all_hold(scene: Scene) -> bool:
        for holds in parts:  # noqa: SIM110  as above
            if not holds(scene):
                return False
        return True

    return all_hold


def _any(parts: Sequence[Holds]) -> Holds:
    if len(parts) == 1:
        return parts[0]

    def any_holds(scene: Scene) -> bool:
        for holds in parts:  # noqa: SIM110  as above
            if holds(scene):
                return True
        return False

    return any_holds


# The fields, read off the model -------------------------------------------------------------------------------

META = "order.meta."


def find_field(name: str) -> Field | None:
    """The field of this name, among them `order.meta.<any key>`; None if there is none."""
    if name.startswith(META) and len(name) > len(META):
        key = name.removeprefix(META)
        return _single(name, "text", lambda order: order.meta.get(key))
    return FIELDS.get(name)


def _no_such_field(name: str) -> str:
    close = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "; docs/rules.md lists the fields"
    return f"there is no field '{name}'{hint}"


def _single(name: str, kind: Kind, get: Callable[[Order], Value]) -> Field:
    return Field(name, kind, lambda scene: (get(scene.order),), get)


_KINDS: Mapping[object, Kind] = {
    str: "text",
    int: "number",
    Decimal: "number",
    Money: "money",
    datetime: "time",
    bool: "flag",
}


def _read_off(model: type[Struct], noun: str, path: str = "") -> Iterator[Field]:
    """The fields of the order, and of the structs within it, each reached by one attribute path."""
    hints = get_type_hints(model)
    for name in model.__struct_fields__:
        hint = _without_none(hints[name])
        get = attrgetter(path + name)
        if kind := _KINDS.get(hint):
            yield _single(f"{noun}.{name}", kind, get)
        elif get_origin(hint) is tuple and get_args(hint)[0] is str:
            yield Field(f"{noun}.{name}", "text", lambda scene, get=get: get(scene.order))  # type: ignore[misc]
        elif isinstance(hint, type) and issubclass(hint, Struct):
            yield from _read_off(hint, name if name == "customer" else f"{noun}.{name}", f"{path}{name}.")


def _read_off_each(model: type[Struct], noun: str, path: str) -> Iterator[Field]:
    """The fields of structs of which a scene has many; a money's or time's kind is that of each."""
    hints = get_type_hints(model)
    for name in model.__struct_fields__:
        hint = _without_none(hints[name])
        if kind := _KINDS.get(hint):
            yield Field(f"{noun}.{name}", kind, _of_each(path, name))
        elif get_origin(hint) is tuple and get_args(hint)[0] is str:
            yield Field(f"{noun}.{name}", "text", _of_all_in_each(path, name))


def _of_each(path: str, name: str) -> Callable[[Scene], Iterable[Value]]:
    many, get = attrgetter(path), attrgetter(name)
    return lambda scene: map(get, many(scene))


def _of_all_in_each(path: str, name: str) -> Callable[[Scene], Iterable[Value]]:
    of_each = _of_each(path, name)
    return lambda scene: chain.from_iterable(of_each(scene))  # type: ignore[arg-type]


def _of_a_remark(noun: str, **kinds: Kind) -> Iterator[Field]:
    """What there is to see of the review or note that set the rule off."""
    for name, kind in kinds.items():
        yield Field(f"{noun}.{name}", kind, _of_the_one(attrgetter(noun), attrgetter(name)))


def _of_the_one(find: Callable[[Scene], Any], get: Callable[[Any], Value]) -> Callable[[Scene], Iterable[Value]]:
    return lambda scene: () if (one := find(scene)) is None else (get(one),)


def _consent(channel: str) -> Callable[[Order], Value]:
    """What the customer has said about marketing on this channel."""
    return lambda order: next((each.state for each in order.customer.consents if each.channel == channel), None)


def _without_none(hint: object) -> object:
    if get_origin(hint) in (UnionType, Union):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def _all_fields() -> Iterator[Field]:
    yield from _read_off(Order, "order")
    yield from _read_off_each(LineItem, "item", "items")
    yield from _read_off_each(Shipment, "shipment", "shipments")
    yield from _read_off_each(Refund, "refund", "order.refunds")
    yield from _read_off_each(Return, "return", "order.returns")
    yield from _of_a_remark("review", rating="number", text="text", product_name="text")
    yield from _of_a_remark("note", text="text", author="text")
    for channel in ("email", "sms", "whatsapp"):
        yield _single(f"customer.{channel}_consent", "text", _consent(channel))
    yield _single("order.quantity", "number", lambda order: sum(item.quantity for item in order.items))
    yield _single("order.refunded_in_full", "flag", attrgetter("refunded_in_full"))


FIELDS: Mapping[str, Field] = {field.name: field for field in _all_fields()}
