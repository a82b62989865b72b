"""Every action of a rule, by each of its ways and in each of its languages, made ready to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from adapters.base import Capability
from connector.actions import PassedOver, Prepared, Refused, Way, ways_of
from connector.channel_keys import PLATFORM
from connector.rehearsal import Cue, Language, Rehearsal, by, cues, languages, make_ready, way_out
from rules.rule import Step
from rules.templates import RenderError


@dataclass(frozen=True, slots=True)
class Form:
    """One action as it would be done by one way, in one language; `number` counts the rule's actions from 1.

    `why_not` says why it would not be done so for this order; `broken` that a mistake in its text is why.
    """

    number: int
    step: Step
    action: str
    to_customer: bool
    way: str
    language: str | None
    prepared: Prepared | None = None
    why_not: str | None = None
    broken: bool = False


def forms_of(rehearsal: Rehearsal, unsubscribe: str | None, locale: str | None) -> Iterator[Form]:
    """All that the rule would write and do; with `locale`, only what readers of this language would get."""
    for number, cue in enumerate(cues(rehearsal), start=1):
        if cue.action.to_customer:
            for language in languages(rehearsal, cue.action, locale):
                for channel in ways_of(cue.action, rehearsal.store.via):
                    yield _form(rehearsal, number, by(cue, channel), channel, language, unsubscribe)
        else:
            yield _form(rehearsal, number, cue, cue.action.kind, None, unsubscribe)


def _form(
    rehearsal: Rehearsal, number: int, cue: Cue, way: str, language: Language | None, unsubscribe: str | None
) -> Form:
    """An action by one way."""
    form = partial(
        Form, number, cue.step, cue.action.kind, cue.action.to_customer, way, language.name if language else None
    )
    locales = language.locales if language is not None else ()
    try:
        return form(make_ready(rehearsal, cue, locales, partial(_reach, rehearsal, unsubscribe)))
    except Refused as why:
        return form(why_not=str(why))
    except RenderError as mistake:
        return form(why_not=str(mistake), broken=True)


def _reach(rehearsal: Rehearsal, unsubscribe: str | None, channel: str, marketing: bool) -> Way:
    """Every reader is reached by every channel, but for a store that has none; at which address is not looked at."""
    if channel == PLATFORM and Capability.MESSAGES not in rehearsal.adapter.capabilities:
        raise PassedOver("this store sends no messages of its own")
    offered = way_out(unsubscribe, b"", rehearsal.store.id, marketing=marketing)
    return Way(channel, "", "", offered)
