"""How far a rule has come with a subject, told from what is recorded of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rules.facts import Deed, Subject
from rules.rule import Rule, Step


class Progress(NamedTuple):
    """How far a rule has come with a subject.

    `step` is the next one (None at the end), `settled_at` since when the one before is settled. `began_at` is when
    the event was that the first thing done followed up. `waits_for` is another step, of which nobody knows yet what
    became of it. `is_held_out` once it is recorded that the subject's person gets nothing.
    """

    step: Step | None
    settled_at: datetime | None = None
    began_at: datetime | None = None
    waits_for: str | None = None
    is_held_out: bool = False


def progress_of(rule: Rule, subject: Subject, deeds: Sequence[Deed]) -> Progress:
    """How far it has come, by what is recorded of the order and the person."""
    steps = {step.id: step for step in rule.steps}
    of_step: dict[str, list[Deed]] = {}
    for deed in deeds:
        if deed.rule == rule.id and deed.subject == subject.key and not _is_dropped(deed, steps.get(deed.step)):
            of_step.setdefault(deed.step, []).append(deed)
    if not of_step:
        return Progress(next(iter(rule.steps), None))  # a rule that has come to its end has no steps
    settled = [deed for its in of_step.values() if all(map(_is_settled, its)) for deed in its]
    # A step that the rule no longer has was where it was when it was planned: nothing up to there is done again.
    passed = max((steps.get(deed.step, deed).position for deed in settled), default=0)
    step = next((step for step in rule.steps if step.position > passed), None)
    own = [deed for its in of_step.values() for deed in its]
    open_ends = (deed.step for deed in own if deed.state in _OPEN and (step is None or deed.step != step.id))
    return Progress(
        step,
        max((deed.at for deed in settled), default=None),
        min((deed.event_at for deed in own if deed.state in _BEGUN), default=None),
        next(open_ends, None),
        any(deed.held_out for deed in own),
    )


_OPEN = frozenset({"unknown", "held"})
_BEGUN = frozenset({"done", "unknown", "held"})


def _is_dropped(deed: Deed, step: Step | None) -> bool:
    """Whether the rule was edited, and its step does not have this action any more."""
    return step is not None and deed.action > len(step.actions) and deed.state in ("pending", "skipped")


def _is_settled(deed: Deed) -> bool:
    return deed.state in ("done", "failed") or (deed.state == "skipped" and deed.final)
