"""How long messages are as SMS: the segments that are charged, as an invented customer would get them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from adapters.channels.segments import Encoding, beyond_gsm, segments
from connector.actions import ways_of
from connector.cli._exits import Trouble
from connector.cli._screen import count
from connector.config import StoreConfig
from connector.loading import Loaded
from connector.unsubscribing import link_for
from rules.inputs import told
from rules.letter import read_letter
from rules.messages import NotByThisChannel, Rendered, render_template, render_words
from rules.rule import Action, Rule
from rules.sample import sample
from rules.template_language import Store
from rules.templates import RenderError

SMS = "sms"
_A_DAY = datetime(2026, 9, 23, 9, 0, tzinfo=UTC)
"""Dates are about as long all the year; the same one always makes the same text."""
_MOST_STRANGERS = 3
"""A text with more signs that GSM-7 lacks is written in another script, and they are no oversight."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message is written: a template's file, or a rule's text. `line` is that of the rule."""

    file: str
    line: int | None
    rule: str | None
    template: str | None
    locale: str
    text: str

    def __str__(self) -> str:
        return self.file if self.rule is None else f"{self.file}:{self.line}: rule '{self.rule}'"


@dataclass(frozen=True, slots=True)
class Length:
    """How long a message is as SMS; `hint` says by what it could be shorter."""

    source: Source
    segments: int
    encoding: Encoding
    characters: int
    hint: str | None

    def __str__(self) -> str:
        told = (
            f"{self.source}: SMS of {count(self.segments, 'segment')} ({self.encoding}, {self.characters:,} characters)"
        )
        return told if self.hint is None else f"{told}; {self.hint}"

    def as_json(self) -> dict[str, object]:
        source = self.source
        where = {"file": source.file, "rule": source.rule, "template": source.template, "locale": source.locale}
        size = {"segments": self.segments, "encoding": self.encoding, "characters": self.characters}
        return {**where, **size, "hint": self.hint}


def sms_lengths(loaded: Loaded) -> tuple[list[Length], list[Trouble]]:
    """Every message that a rule can send by SMS, in each language, at its longest; and those that cannot be sent so."""
    longest: dict[Source, Length] = {}
    broken: list[Trouble] = []
    for store, rule, action in _messages(loaded):
        for source in _sources(loaded, store, rule, action):
            try:
                length = _measured(source, _rendered(loaded, store, source, rule, action).sms)
            except RenderError as error:
                broken.append(_broken(source, error.sentence, error.line))
            except NotByThisChannel as why:
                broken.append(_broken(source, str(why)))
            else:
                known = longest.get(source)
                longest[source] = length if known is None else max(known, length, key=lambda each: each.segments)
    return sorted(longest.values(), key=lambda each: str(each.source)), list(dict.fromkeys(broken))


def _broken(source: Source, why: str, line: int = 1) -> Trouble:
    rule = "" if source.rule is None else f"rule '{source.rule}': "
    return Trouble(f"{rule}as an SMS about an invented order: {why}", source.file, source.line or line, 1)


def _messages(loaded: Loaded) -> Iterator[tuple[StoreConfig, Rule, Action]]:
    for store in loaded.config.stores:
        for rule in loaded.rules[store.id]:
            for action in (action for step in rule.steps for action in step.actions):
                if rule.enabled and SMS in ways_of(action, store.via):
                    yield store, rule, action


def _sources(loaded: Loaded, store: StoreConfig, rule: Rule, action: Action) -> Iterator[Source]:
    template, text = getattr(action.spec, "template", None), getattr(action.spec, "text", None)
    if template is not None:
        for locale, written in loaded.templates[template].items():
            yield Source(loaded.template_files[template][locale], None, None, template, locale, written)
    elif text is not None:
        file, line = rule.where.rsplit(":", 1)
        yield Source(file, int(line), rule.id, None, store.locale, text)


def _rendered(loaded: Loaded, store: StoreConfig, source: Source, rule: Rule, action: Action) -> Rendered:
    """The message for an invented order. A link to unsubscribe is as long as everybody's."""
    invented = sample(
        Store(id=store.id, name=store.name, url=store.url),
        locale=source.locale,
        zone=store.calendar.zone,
        now=_A_DAY,
        signed_by=loaded.config.signed_by,
    )
    context = replace(invented, inputs=told(rule.inputs))
    address = loaded.config.protection.unsubscribe if getattr(action.spec, "purpose", None) == "marketing" else None
    unsubscribe = link_for(address, b"", "+15005550006", store.id) if address is not None else None
    if source.template is None:
        return render_words(source.text, context, name=f"rule '{source.rule}'", unsubscribe=unsubscribe)
    texts, name = {source.locale: source.text}, f"templates/{source.template}"
    return render_template(texts, [source.locale], context, name=name, unsubscribe=unsubscribe)


def _measured(source: Source, text: str) -> Length:
    number, encoding = segments(text)
    return Length(source, number, encoding, len(text), _hint(source, text, number))


def _hint(source: Source, text: str, number: int) -> str | None:
    """Which few signs make the text dearer than it need be, and where the first of them stands."""
    strangers = beyond_gsm(text)
    if not 0 < len(strangers) <= _MOST_STRANGERS:
        return None
    instead, _ = segments(text.translate(dict.fromkeys(map(ord, strangers), "'")))
    if instead >= number:
        return None
    named = " and ".join(f"'{sign}'" if sign.isprintable() else f"U+{ord(sign):04X}" for sign in strangers)
    verb, plain = ("makes", "a plain sign") if len(strangers) == 1 else ("make", "plain signs")
    word = next(word for word in text.split() if strangers[0] in word)
    line = _line_of(strangers[0], source)
    place = f"in {word}" if line is None else f"line {line}, in {word}"
    return f"{named} ({place}) {verb} it UCS-2: with {plain} instead, {count(instead, 'segment')}"


def _line_of(sign: str, source: Source) -> int | None:
    """Where a template's author wrote it; None where it came with the data, or the text stands in a rule."""
    if source.template is None:
        return None
    letter = read_letter(source.text, source.file)
    before, found, _ = (letter.front.sms or letter.body).partition(sign)
    if not found:
        return None
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    return line if letter.front.sms is None else letter.document.mark_inside(("sms",), line, column).line
