"""`field: value` → does it hold, and why.

Fields come from the model, so a wrong one is an error with a suggestion. All conditions of a rule are compiled to one
function; what they look at is a `Scene`. Text compares without case, a field with many values holds if any of them
does, comparing with a missing value is false, and `not` negates the whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain
from typing import Literal, NamedTuple

from rules import formulas
from rules.fields import Field, Kind, Scene, Value, find_field, no_such_field
from rules.formulas import Formula, compiled, negated, some
from rules.timing import ABSOLUTE, Duration, after, over, parse_duration


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


Holds = Callable[[Scene], bool]


@dataclass(frozen=True, slots=True)
class Predicate:
    """One compiled `field: value`."""

    field: Field
    wanted: str
    formula: Formula
    flips: tuple[Callable[[Scene], datetime | None], ...] = ()
    spans: tuple[Duration, ...] = ()

    def holds(self, scene: Scene) -> bool:
        """Whether it does by itself."""
        return bool(compiled(self.formula)(scene))


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
        parts = [predicate.formula for predicate in self.all_of]
        if self.any_of:
            parts.append(formulas.any_of(map(_together, self.any_of)))
        parts += [negated(_together(group)) for group in self.none_of]
        object.__setattr__(self, "hold", compiled(formulas.all_of(parts)))

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
        some_group_held = any(_all_hold(group, scene) for group in self.any_of)
        for group in self.any_of:
            checks = (_check(predicate, scene, some_group_held or predicate.holds(scene)) for predicate in group)
            yield Part("any_of", tuple(checks))
        for group in self.none_of:
            stands_in_the_way = _all_hold(group, scene)
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
            problems.append(ConditionProblem(where, no_such_field(str(name))))
            continue
        try:
            predicates.append(_predicate(field, wanted))
        except ValueError as error:
            problems.append(ConditionProblem(where, str(error)))
    return tuple(predicates)


def _together(group: Group) -> Formula:
    return formulas.all_of(predicate.formula for predicate in group)


def _all_hold(group: Group, scene: Scene) -> bool:
    return all(predicate.holds(scene) for predicate in group)


_PREFIX = {"all_of": "", "any_of": "any of: ", "none_of": "not: "}


def _check(predicate: Predicate, scene: Scene, held: bool) -> Check:
    values = [_readable(value) for value in predicate.field.values(scene) if value is not None]
    saw = values if predicate.field.loops else values[0] if values else None
    moments = [moment for flip in predicate.flips if (moment := flip(scene)) is not None]
    return Check(predicate.field.name, predicate.wanted, saw, held, min(moments, default=None))


def _readable(value: Value) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value if isinstance(value, bool | int) else str(value)


# What is wanted of a field ------------------------------------------------------------------------------------

Test = Callable[[str], Formula]
"""What is asked of a value, given the text that stands for it."""


class _Wanted(NamedTuple):
    """What is wanted of a field; how it reads; when it may come true or end by time alone; and what spans of time it
    speaks of.
    """

    formula: Formula
    reads: str
    flips: tuple[Callable[[Scene], datetime | None], ...] = ()
    spans: tuple[Duration, ...] = ()


def _predicate(field: Field, spec: object) -> Predicate:
    wanted = _wanted(field, spec)
    return Predicate(field, wanted.reads, wanted.formula, wanted.flips, wanted.spans)


def _wanted(field: Field, spec: object) -> _Wanted:
    if isinstance(spec, Mapping):
        return _operators(field, spec)
    if isinstance(spec, list):
        return _one_of(field, spec)
    word = spec.casefold() if isinstance(spec, str) else None
    if word == "present":
        return _Wanted(_any_value(field, _is_there), "present")
    if word == "missing":
        return _Wanted(negated(_any_value(field, _is_there)), "missing")
    return _Wanted(_any_value(field, _is_among(field, [_literal(field, spec)])), _shown(spec))


def _one_of(field: Field, spec: Sequence[object]) -> _Wanted:
    if not spec:
        raise ValueError("an empty list can never hold; write at least one value")
    for entry in spec:
        if isinstance(entry, str) and entry.casefold() in ("present", "missing"):
            raise ValueError(f"'{entry}' stands alone, not in a list; write both cases under 'any_of', as a list")
    allowed = [_literal(field, entry) for entry in spec]
    return _Wanted(_any_value(field, _is_among(field, allowed)), "any of " + ", ".join(map(_shown, spec)))


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
            parts.append(_Wanted(negated(wanted.formula), f"not {wanted.reads}", wanted.flips, wanted.spans))
        elif name in _AGES:
            ages.append(_age(field, str(name), operand))
        elif isinstance(name, str) and name in _OPERATORS:
            tests.append(_OPERATORS[name](field, operand))
        else:
            raise ValueError(f"there is no operator '{name}'{_did_you_mean(str(name), OPERATORS)}")
    if tests:
        parts.append(_Wanted(_any_value(field, _each(tests)), ""))
    if ages:
        parts.append(_of_age(field, ages))
    reads = ", ".join(f"{str(name).replace('_', ' ')} {_shown(operand)}" for name, operand in spec.items())
    flips = tuple(flip for part in parts for flip in part.flips)
    together = formulas.all_of(part.formula for part in parts)
    return _Wanted(together, reads, flips, tuple(chain(*(part.spans for part in parts))))


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
    """A value from YAML, as `_READ` gives those of the field."""
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


def _comparison(sign: str, field: Field, operand: object) -> Test:
    if field.kind == "time":
        raise ValueError(f"{field.name} is a time: write older_than or newer_than")
    if field.kind not in ("number", "money"):
        raise ValueError(f"{field.name} is {_a(field.kind)}: it has no more or less")
    number = _number(field, operand)
    # Counts are compared with counts twice as fast.
    bound = int(number) if field.kind == "number" and abs(number) < _HUGE and number == int(number) else number
    return lambda value: Formula(f"{_read(field, value)} {sign} {{}}", (bound,))


_HUGE = 10**9


def _textual(text: str, field: Field, operand: object) -> Test:
    """`text` tells of `value` and `wanted`."""
    if field.kind != "text":
        raise ValueError(f"{field.name} is {_a(field.kind)}: only text can contain or start with something")
    wanted = _text(field, operand).casefold()
    return lambda value: Formula(text.format(value=_read(field, value), wanted="{}"), (wanted,))


_OPERATORS: Mapping[str, Callable[[Field, object], Test]] = {
    "at_least": partial(_comparison, ">="),
    "at_most": partial(_comparison, "<="),
    "more_than": partial(_comparison, ">"),
    "less_than": partial(_comparison, "<"),
    "contains": partial(_textual, "{wanted} in {value}"),
    "starts_with": partial(_textual, "{value}.startswith({wanted})"),
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

    def flips(scene: Scene) -> datetime | None:
        moments = [value for value in field.values(scene) if isinstance(value, datetime)]
        ends = (after(moment, age.span, scene.calendar) for moment in moments for age in ages)
        return min((end for end in ends if end > scene.now), default=None)

    formula = _any_value(field, _each([_is_of_age(age) for age in ages]))
    return _Wanted(formula._replace(cost=max(1, formula.cost)), "", (flips,), tuple(age.span for age in ages))


def _is_of_age(age: _Age) -> Test:
    unit = ABSOLUTE.get(age.span.unit)
    if unit is not None:
        return lambda value: Formula(f"{value} + {{}} {'<=' if age.older else '>'} s.now", (unit * age.span.amount,))
    word = "" if age.older else "not "
    return lambda value: Formula(f"{word}{{}}({value}, s.calendar, s.now)", (over(age.span),))


def _a(kind: Kind) -> str:
    names = {"number": "a number", "money": "an amount", "time": "a time", "flag": "true or false"}
    return names.get(kind, "text")


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are {', '.join(known)}"


# Formulas of these ---------------------------------------------------------------------------------------------

_READ: Mapping[Kind, str] = {"text": "{}.casefold()", "money": "{}.amount"}
"""What of a value is compared, where that is not the value itself."""


def _read(field: Field, value: str) -> str:
    return _READ.get(field.kind, "{}").format(value)


def _is_among(field: Field, allowed: Sequence[Value]) -> Test:
    if len(allowed) == 1:
        return lambda value: Formula(f"{_read(field, value)} == {{}}", (allowed[0],))
    return lambda value: Formula(f"{_read(field, value)} in {{}}", (frozenset(allowed),))


def _is_there(value: str) -> Formula:
    return Formula(f"{value} is not None")


def _each(tests: Sequence[Test]) -> Test:
    return lambda value: formulas.all_of(test(value) for test in tests)


def _any_value(field: Field, test: Test) -> Formula:
    """Whether any value of the field passes; a missing value never does."""
    if field.loops:
        return some(field.value, field.loops, test("v"))
    if not (field.may_lack or field.value.given):
        return test(field.value.text)
    asked = test("v")
    return Formula(f"(v := {field.value.text}) is not None and {asked.text}", field.value.given + asked.given)
