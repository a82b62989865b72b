"""What came of a test against what was expected: whether it passed, and if not, what happened instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.channel_keys import PLATFORM
from connector.ruletests.cases import Case
from connector.ruletests.keys import texts_for
from connector.ruletests.playing import Played
from connector.ruletests.reading import Expected
from connector.ruletests.times import Span, on_the_wall
from connector.shop import Shop
from connector.simulation.outcome import example_of
from connector.simulation.page import plain
from connector.simulation.replay import Act
from connector.store.followups import Followup
from rules.bidi import LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK

SHOWN = 200
"""How many characters of a text are shown."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: without complaints it passed. `timeline` tells all that happened, a line each."""

    case: Case
    complaints: tuple[str, ...]
    timeline: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.complaints


def verdict(played: Played, seconds: float) -> Verdict:
    """Compare what was done with what was expected."""
    shop = played.shop
    deeds = [_deed(shop, act) for act in played.done]
    complaints = list(_complaints(played, deeds))
    return Verdict(played.case, tuple(complaints), tuple(_timeline(played, deeds)) if complaints else (), seconds)


# What was done ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deed:
    """An action that was done, as a test can speak of it. `labels` are what it is known by: a template, tags …"""

    at: datetime
    rule: str
    step: int
    kind: str
    order: str
    template: str | None
    labels: tuple[str, ...]
    text: str
    subject: str | None
    via: str | None
    to: str | None
    locale: str | None

    def __str__(self) -> str:
        about = [self.kind, *self.labels[:1]]
        about += [f"by {self.via}"] if self.via is not None and self.to is not None else []
        about += [f"in {self.locale}"] if self.locale is not None else []
        return " ".join(about)


def _deed(shop: Shop, act: Act) -> Deed:
    assert act.made is not None
    assert act.judged is not None
    row, prepared = act.row, act.made.prepared
    spec = act.judged.wanted.step.actions[row.action - 1].spec
    template = getattr(spec, "template", None)
    labels = [template, *prepared.tags, prepared.status]
    if prepared.coupon_code is not None:
        percent, amount = prepared.coupon_percent, prepared.coupon_amount
        labels += [f"{percent}%", percent] if percent is not None else [amount]
    return Deed(
        row.at,
        row.rule,
        row.position,
        row.kind,
        row.number,
        template,
        tuple(label for label in labels if label is not None),
        _even(plain(example_of(shop, row, prepared))),
        prepared.subject,
        prepared.channel or (PLATFORM if prepared.to is not None else None),
        prepared.to,
        prepared.locale,
    )


def _even(text: str) -> str:
    """A text as it is read: without marks that nobody sees, and however its lines are broken."""
    return " ".join(text.replace(LEFT_TO_RIGHT_MARK, "").replace(RIGHT_TO_LEFT_MARK, "").split())


# Comparing ----------------------------------------------------------------------------------------------------


def _complaints(played: Played, deeds: Sequence[Deed]) -> Iterator[str]:
    test = played.case.test
    left, missed = list(deeds), []
    for expected in sorted(test.expected, key=_width):  # those that take anything must not take what others need
        found = next((deed for deed in left if not _differences(played, expected, deed)), None)
        if found is None:
            missed.append(expected)
        else:
            left.remove(found)
    for expected in sorted(missed, key=lambda each: each.line):
        nearest = _nearest(played, expected, left)
        if nearest is not None:
            left.remove(nearest)
        yield _missing(played, expected, nearest)
    for expected in test.never:
        yield from (
            f"line {expected.line}: never {_words(expected)}; but it was done at {_when(played, deed.at)}: {deed}"
            for deed in deeds
            if not _differences(played, expected, deed)
        )
    if not test.keys.more_is_fine:
        yield from (f"not expected: {_told(played, deed)}" for deed in left)
    yield from _wrong_reasons(played)


def _width(expected: Expected) -> float:
    return (expected.span.last - expected.span.first).total_seconds() if expected.span is not None else 0.0


def _differences(played: Played, expected: Expected, deed: Deed) -> list[str]:
    """In what the deed is not as it was expected, in words."""
    about, language = expected.about, played.case.language
    locale = about.locale or (language if deed.template is not None else None)  # a rule's own text has one language
    found = []
    if expected.kind is not None and expected.kind != deed.kind:
        found.append(f"it is {deed.kind}")
    found += [f"it does not say '{word}'" for word in expected.words if not _is_in(word, deed)]
    for name, wanted, had in (
        ("rule", about.rule, deed.rule),
        ("order", about.order, deed.order),
        ("to", about.to, deed.to),
        ("via", about.via, deed.via),
        ("locale", locale, deed.locale),
    ):
        if wanted is not None and wanted.casefold() != (had or "").casefold():
            found.append(f"{name} is {had or 'nothing'}, not {wanted}")
    if about.subject is not None and _even(about.subject) not in _even(deed.subject or ""):
        found.append(f"its subject is '{deed.subject or ''}', without '{about.subject}'")
    said = _even(f"{deed.subject or ''} {deed.text}")
    found += [f"it does not say '{text}'" for text in texts_for(about.contains, language) if _even(text) not in said]
    found += [f"it says '{text}'" for text in texts_for(about.lacks, language) if _even(text) in said]
    if expected.span is not None and not expected.span.holds(deed.at, played.shop.calendar.zone):
        found.append(f"it was at {_when(played, deed.at)}, not {_asked(expected.span)}")
    return found


def _is_in(word: str, deed: Deed) -> bool:
    return word in deed.labels or bool(deed.text and _even(word) in deed.text)


def _asked(span: Span) -> str:
    return f"{span.first:%a %Y-%m-%d %H:%M}" if span.is_exact else span.text


def _nearest(played: Played, expected: Expected, deeds: Sequence[Deed]) -> Deed | None:
    """What comes closest to it: the same action, and about the same thing."""
    rules = _rules_meant(played, expected)
    alike = [deed for deed in deeds if expected.kind in (None, deed.kind) and deed.rule in rules]
    return min(alike, key=lambda deed: len(_differences(played, expected, deed)), default=None)


def _rules_meant(played: Played, expected: Expected) -> set[str]:
    """The rules that may do what is expected."""
    if expected.about.rule is not None:
        return {expected.about.rule}
    found = set()
    for active in played.shop.rules:
        for action in (action for step in active.rule.steps for action in step.actions):
            template = getattr(action.spec, "template", None)
            named = [word for word in expected.words if word in played.shop.templates]
            if action.kind == expected.kind and (not named or template in named):
                found.add(active.rule.id)
    return found


def _missing(played: Played, expected: Expected, nearest: Deed | None) -> str:
    asked = f"line {expected.line}: expected {_words(expected)}"
    if expected.span is not None:
        asked += f" at {_asked(expected.span)}" if expected.span.is_exact else f", {_asked(expected.span)}"
    if nearest is not None:
        differences = _differences(played, expected, nearest)
        text = f" ({_cut(nearest.text)})" if any("say" in each for each in differences) else ""
        return f"{asked}; {nearest} was done, but {' and '.join(differences)}{text}"
    rules = _rules_meant(played, expected)
    if not rules:
        return f"{asked}; no rule that is switched on here does that"
    reasons = [f"rule '{rule}' did not: {why}" for rule, why in _why_not(played) if rule in rules]
    return f"{asked}; {'; '.join(dict.fromkeys(reasons)) or 'it was not done'}"


def _words(expected: Expected) -> str:
    about = expected.about
    words = [expected.kind or f"something of rule '{about.rule}'", *expected.words]
    told = {name: getattr(about, name) for name in ("order", "to", "via", "locale") if getattr(about, name) is not None}
    return " ".join([*words, *(f"{name} {value}" for name, value in told.items())])


def _wrong_reasons(played: Played) -> Iterator[str]:
    """Rules that had other reasons not to act than was expected, or none; and what failed, which nobody expects."""
    wanted = played.case.test.keys.why_not or {}
    for rule, words in wanted.items():
        reasons = [why for name, why in _why_not(played) if name == rule]
        if not any(words.casefold() in why.casefold() for why in reasons):
            told = "; ".join(dict.fromkeys(reasons)) or "there was nothing that it did not do"
            yield f"expected that rule '{rule}' does not act, or not again, because of '{words}'; but: {told}"
    for row, why in played.impossible:
        yield f"rule '{row.rule}', step {row.position}: the store would refuse {row.kind}: {why}"
    for row in played.undone:
        if row.state == "failed" and row.rule not in wanted:
            yield f"rule '{row.rule}', step {row.position}: {row.kind} failed: {row.reason}"


def _why_not(played: Played) -> Iterator[tuple[str, str]]:
    """Why rules did nothing, or not all: (rule, reason)."""
    for row in played.undone:
        yield row.rule, _of_row(played, row)
    for rule, _, why in played.refused:
        yield rule, why


def _of_row(played: Played, row: Followup) -> str:
    reason = f": {row.reason}" if row.reason else ""
    if row.state == "pending":
        return f"it is still to come, due {_when(played, row.meant_for)}{reason}"
    return f"{row.state} at {_when(played, row.at)}{reason}"


# The story ----------------------------------------------------------------------------------------------------


def _timeline(played: Played, deeds: Sequence[Deed]) -> Iterator[str]:
    """All that happened, in order, a line each."""
    several = len(played.case.orders) > 1
    lines: list[tuple[datetime, int, str]] = []
    for number, each in played.happenings:
        of = f"order {number} " if several else ""
        by = f" (by rule '{each.by_rule}')" if each.by_rule is not None else ""
        lines.append((each.at, 0, f"{of}{each}{by}"))
    lines += [
        (each.at, 1, f"  {_of_rule(played, each.rule, each.step, each.order)}: {each}{_quoted(each)}") for each in deeds
    ]
    for row in played.undone:
        at = row.meant_for if row.state == "pending" else row.at
        reason = f": {row.reason}" if row.reason else ""
        state = "to come" if row.state == "pending" else row.state
        lines.append((at, 2, f"  {_of_rule(played, row.rule, row.position, row.number)}: {row.kind} {state}{reason}"))
    for at, _, line in sorted(lines, key=lambda each: each[:2]):
        yield f"{_when(played, at)}  {line}"
    for rule, number, why in played.refused:
        of = f", order {number}" if several else ""
        yield f"rule '{rule}'{of} never began: {why}"


def _of_rule(played: Played, rule: str, step: int, number: str) -> str:
    of = f", order {number}" if len(played.case.orders) > 1 else ""
    return f"{rule}, step {step}{of}"


def _told(played: Played, deed: Deed) -> str:
    return f"{_when(played, deed.at)}, {_of_rule(played, deed.rule, deed.step, deed.order)}: {deed}{_quoted(deed)}"


def _quoted(deed: Deed) -> str:
    return f": {_cut(deed.text)}" if deed.text else ""


def _cut(text: str) -> str:
    return f"“{text}”" if len(text) <= SHOWN else f"“{text[:SHOWN]}…”"


def _when(played: Played, moment: datetime) -> str:
    return on_the_wall(moment, played.shop.calendar.zone)
