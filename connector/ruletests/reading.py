"""Files of rule tests → tests, as they were written; every mistake in them is a problem at its place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from connector.actions import known_actions
from connector.loading import Loaded
from connector.ruletests.keys import (
    CommonKeys,
    ExpectedKeys,
    LivingOrderKeys,
    OrderKeys,
    RuleTestFile,
    RuleTestKeys,
    merged,
)
from connector.ruletests.life import HAPPENINGS
from connector.ruletests.times import Span, parse_moment, parse_span
from rules.document import Document, Path, Problem, parse
from rules.validation import did_you_mean, validate, validate_part

Using = Callable[[Mapping[str, object]], Loaded | list[Problem]]
"""What a preset makes of inputs, or why it takes none such."""

NOTHING = "nothing"
ANY = "any"


@dataclass(frozen=True, slots=True)
class Said:
    """Something that happens, as it was written: `at` is on the store's wall."""

    at: datetime
    kind: str
    detail: Any
    path: Path


@dataclass(frozen=True, slots=True)
class OrderSaid:
    """An order of a test, and its life."""

    keys: OrderKeys | None
    when: tuple[Said, ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Expected:
    """Something that is to be done (or never): which action, with which words in it, and when."""

    kind: str | None
    words: tuple[str, ...]
    about: ExpectedKeys
    line: int
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A test as it was written; `keys` are its own and its file's. `file` and `line` say where it stands, and `loaded`
    has the rules that it is about.
    """

    loaded: Loaded
    document: Document
    path: Path
    keys: RuleTestKeys
    orders: tuple[OrderSaid, ...]
    expected: tuple[Expected, ...]
    never: tuple[Expected, ...]

    @property
    def file(self) -> str:
        return self.document.file

    @property
    def line(self) -> int:
        return self.document.mark(self.path).line


def read_tests(
    files: Mapping[str, str], loaded: Loaded, using: Using | None, platforms: Collection[str], problems: list[Problem]
) -> Iterator[RuleTest]:
    """The tests of these files (name → text) that are right, as far as can be told without telling their stories.
    `platforms` are those on which a test may happen; `using` says what a preset's tests are about.
    """
    for file, text in files.items():
        reading = _Reading(parse(text, file), loaded, using, platforms, problems)
        common = validate(reading.document, RuleTestFile, problems)
        data = reading.document.data
        _check_names(reading, (), data)
        tests = data.get("tests") if isinstance(data, dict) else None
        for position, entry in enumerate(tests if isinstance(tests, list) else ()):
            test = _test(reading, ("tests", position), entry, common)
            if test is not None:
                yield test


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that is being read, what it may name, and what has come up so far."""

    document: Document
    loaded: Loaded
    using: Using | None
    platforms: Collection[str]
    problems: list[Problem]

    def problem(self, path: Path, message: str, *, key: bool = False) -> None:
        self.problems.append(self.document.problem(path, message, key=key))


def _test(reading: _Reading, path: Path, data: object, common: RuleTestFile | None) -> RuleTest | None:
    """A test, whose parts are all looked at; None if anything in it is wrong."""
    before = len(reading.problems)
    keys = validate_part(reading.document, path, data, RuleTestKeys, reading.problems)
    if not isinstance(data, dict):
        return None
    _check_names(reading, path, data)
    orders = tuple(_orders(reading, path, data))
    expected = tuple(_timeline(reading, path, data.get("expect"))) if data.get("expect") != NOTHING else ()
    never = tuple(
        each
        for n, entry in enumerate(data["never"] if isinstance(data.get("never"), list) else ())
        if (each := _expected(reading, (*path, "never", n), entry)) is not None
    )
    for name in (name for name, value in data.items() if value is None and name in RuleTestKeys.model_fields):
        reading.problem((*path, name), f"'{name}' is empty; give it a value or leave it out", key=True)
    if not data.keys() & {"expect", "why_not", "never"}:
        reading.problem(path, "say what is to come of it: 'expect', and be it 'expect: nothing'")
    if keys is None or len(reading.problems) > before:
        return None
    keys = _with_common(keys, common)
    loaded = _loaded(reading, path, keys.with_)
    return RuleTest(loaded, reading.document, path, keys, orders, expected, never) if loaded is not None else None


def _loaded(reading: _Reading, path: Path, inputs: Mapping[str, object] | None) -> Loaded | None:
    """The rules that a test is about: those of the configuration, or a preset's, with these inputs."""
    if reading.using is None:
        if inputs is None:
            return reading.loaded
        reading.problem((*path, "with"), "'with' is for the tests of a preset, which stand beside it", key=True)
        return None
    loaded = reading.using(inputs or {})
    if isinstance(loaded, Loaded):
        return loaded
    for problem in loaded:
        reading.problem((*path, "with"), problem.message, key=True)
    return None


def _with_common(keys: RuleTestKeys, common: RuleTestFile | None) -> RuleTestKeys:
    """A test's keys, and those of its file where it says nothing itself."""
    if common is None:
        return keys
    told = {name for name in CommonKeys.model_fields if getattr(keys, name) is None}
    if keys.store is not None or keys.platform is not None:
        told -= {"store", "platform"}
    return keys.model_copy(
        update={**{name: getattr(common, name) for name in told}, "order": merged(common.order, keys.order)}
    )


def _check_names(reading: _Reading, path: Path, data: object) -> None:
    """The stores, platforms and rules that are named are there."""
    if not isinstance(data, dict):
        return
    stores = [store.id for store in reading.loaded.config.stores]
    rules = _rule_ids(reading)
    for key, known in (("store", stores), ("platform", reading.platforms), ("rules", rules)):
        names = data.get(key)
        for position, name in enumerate(names if isinstance(names, list) else [names]):
            if isinstance(name, str) and name not in known:
                where = reading.document.known_part((*path, key, position))
                reading.problem(where, _no_such(key.removesuffix("s"), name, known))
    if "store" in data and "platform" in data:
        reading.problem((*path, "platform"), "'store' says already on which platform it happens; keep one", key=True)
    why_not = data.get("why_not")
    for rule in why_not if isinstance(why_not, dict) else ():
        if rule not in rules:
            reading.problem((*path, "why_not", rule), _no_such("rule", rule, rules), key=True)


def _rule_ids(reading: _Reading) -> list[str]:
    return sorted({rule.id for rules in reading.loaded.written.values() for rule in rules})


def _no_such(noun: str, name: str, known: Collection[str]) -> str:
    hint = did_you_mean(name, known) or f"; there is {', '.join(known)}"
    return f"there is no {noun} '{name}'{hint}"


# What happens -------------------------------------------------------------------------------------------------


def _orders(reading: _Reading, path: Path, data: Mapping[str, Any]) -> Iterator[OrderSaid]:
    """One order, under `order` and `when`; or several."""
    if "orders" not in data:
        if "when" not in data:
            reading.problem(path, "'when' is missing: what happens to the order, and when")
            return
        yield OrderSaid(None, tuple(_life(reading, (*path, "when"), data["when"])), path)
        return
    if "when" in data:
        reading.problem((*path, "when"), "'when' belongs to each of the 'orders'", key=True)
    numbers: set[str] = set()
    for position, entry in enumerate(data["orders"] if isinstance(data["orders"], list) else ()):
        where = (*path, "orders", position)
        keys = validate_part(reading.document, where, entry, LivingOrderKeys, reading.problems)
        if keys is not None:
            if keys.number is not None and keys.number in numbers:
                reading.problem((*where, "number"), f"there is an order '{keys.number}' already; give this one another")
            numbers.add(keys.number or "")
            own = OrderKeys(**{name: getattr(keys, name) for name in keys.model_fields_set - {"when"}})
            yield OrderSaid(own, tuple(_life(reading, (*where, "when"), keys.when)), where)


def _life(reading: _Reading, path: Path, data: object) -> Iterator[Said]:
    if not isinstance(data, dict) or not data:
        reading.problem(path, "write what happens by its time, as in '2026-06-04 10:00: paid'")
        return
    for written, entries in data.items():
        where = (*path, written)
        try:
            at = parse_moment(written)
        except ValueError as error:
            reading.problem(where, str(error), key=True)
            continue
        listed = entries if isinstance(entries, list) else [entries]
        for position, entry in enumerate(listed):
            inside = (*where, position) if isinstance(entries, list) else where
            yield from _happenings(reading, inside, entry, at)


def _happenings(reading: _Reading, path: Path, entry: object, at: datetime) -> Iterator[Said]:
    """One word, or a mapping of words with what more there is to say."""
    named = {entry: None} if isinstance(entry, str) else entry
    if not isinstance(named, dict) or not named:
        reading.problem(path, f"write what happens, such as 'paid'; there is {', '.join(HAPPENINGS)}")
        return
    for kind, data in named.items():
        where = path if isinstance(entry, str) else (*path, kind)
        if kind not in HAPPENINGS:
            hint = did_you_mean(kind, HAPPENINGS) or f"; there is {', '.join(HAPPENINGS)}"
            reading.problem(where, f"nothing is called '{kind}'{hint}", key=not isinstance(entry, str))
            continue
        model = HAPPENINGS[kind].detail
        if model.shorthand is None and data is not None and not isinstance(data, dict):
            reading.problem(
                where, f"'{kind}' stands alone, or with keys" if model.model_fields else f"'{kind}' stands alone"
            )
            continue
        whole = data if isinstance(data, dict) else {} if data is None else {model.shorthand: data}
        detail = validate_part(reading.document, where, whole, model, reading.problems)
        if detail is not None:
            yield Said(at, kind, detail, where)


# What is expected ---------------------------------------------------------------------------------------------


def _timeline(reading: _Reading, path: Path, data: object) -> Iterator[Expected]:
    where = (*path, "expect")
    if data is None:
        return
    if not isinstance(data, dict) or not data:
        reading.problem(where, "write what is done by its time, as in '2026-06-07 09:00: { send: … }', or 'nothing'")
        return
    for written, entries in data.items():
        try:
            span = parse_span(written)
        except ValueError as error:
            reading.problem((*where, written), str(error), key=True)
            continue
        for position, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            inside = (*where, written, position) if isinstance(entries, list) else (*where, written)
            expected = _expected(reading, inside, entry)
            if expected is not None:
                yield replace(expected, span=span)


def _expected(reading: _Reading, path: Path, entry: object) -> Expected | None:
    if not isinstance(entry, dict) or not entry:
        reading.problem(path, "write an action and what is in it, such as '{ send: how-was-it }'")
        return None
    known = known_actions()
    kinds = [key for key in entry if key in known]
    for key in entry:
        if key not in known and key not in ExpectedKeys.model_fields:
            hint = did_you_mean(key, [*known, *ExpectedKeys.model_fields])
            reading.problem((*path, key), f"there is no key '{key}'{hint}", key=True)
            return None
    if len(kinds) > 1 or (not kinds and "rule" not in entry):
        told = " and ".join(kinds) if kinds else f"none; there is {', '.join(known)}"
        reading.problem(path, f"an entry is about one action, and this has {told}")
        return None
    about = {key: value for key, value in entry.items() if key not in known}
    keys = validate_part(reading.document, path, about, ExpectedKeys, reading.problems)
    words = _words(reading, (*path, kinds[0]), entry[kinds[0]]) if kinds else ()
    if keys is None or words is None:
        return None
    if keys.rule is not None and keys.rule not in _rule_ids(reading):
        reading.problem((*path, "rule"), _no_such("rule", keys.rule, _rule_ids(reading)))
        return None
    return Expected(next(iter(kinds), None), words, keys, reading.document.mark(path).line)


def _words(reading: _Reading, path: Path, value: object) -> tuple[str, ...] | None:
    """What an action is known by: a template, a tag, a status, words of a text. `any` says that any will do."""
    listed = value if isinstance(value, list) else [value]
    if not listed or any(isinstance(each, bool) or not isinstance(each, str | int) for each in listed):
        reading.problem(path, "write what is done: a template's name, a tag, a status, words of the text; or 'any'")
        return None
    words = tuple(map(str, listed))
    templates = reading.loaded.templates
    for word in words if path[-1] == "send" else ():
        if word not in templates and " " not in word and (hint := did_you_mean(word, templates)):
            reading.problem(path, f"there is no template '{word}'{hint}")
            return None
    return words if words != (ANY,) else ()
