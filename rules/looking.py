"""What a rule looks at: so that nobody is asked for what no rule wants to know. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from rules.history import CONCLUDED
from rules.letter import read_letter
from rules.rule import Rule
from rules.schema import Mark, marked
from rules.template_check import parts_of


def looks_at(rule: Rule, fields: Collection[str], templates: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether any of these fields (`item.url`) decides what the rule does, or is named by a text of it.

    `templates` are the Markdown templates' files, by name and locale.
    """
    if decides_by(rule, fields):
        return True
    words = {field.rpartition(".")[2] for field in fields}
    texts = (text for text in _texts(rule, templates) if any(word in text for word in words))
    return any(not parts_of(text).isdisjoint(fields) for text in texts)


def decides_by(rule: Rule, fields: Collection[str]) -> bool:
    """Whether any of these fields decides what the rule does."""
    every = (each for conditions in rule.asked for each in conditions.predicates())
    return any(predicate.field.name in fields for predicate in every)


def looks_back(rule: Rule) -> bool:
    """Whether it has to be known what else its customers bought, and what they were sent, to plan by the rule."""
    return (rule.concluded is not None and rule.concluded.kind.looks_back) or decides_by(rule, CONCLUDED)


def _texts(rule: Rule, templates: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """All that the rule has to say, in every language."""
    for action in (action for step in rule.steps for action in step.actions):
        yield from (text for _, text in marked(action.spec, Mark.TEXT))
        for _, name in marked(action.spec, Mark.TEMPLATE):
            for locale, source in templates.get(name, {}).items():
                letter = read_letter(source, f"{name}/{locale}.md")
                yield from (text for _, text in letter.front.texts())
                yield letter.body
