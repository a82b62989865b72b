"""Whether a rule looks at a field: in a condition, or in a text that people will read."""

from __future__ import annotations

import pytest

from rules.looking import looks_at
from rules.template_check import parts_of
from tests.rules.test_loader import load, rule

PAGES = ("item.url", "item.categories")
A_NOTE = "actions: [ { add_note: Hello } ]\n"


def looks(body: str, **template: str) -> bool:
    """Whether the rule does that this file tells; `template` is the template `page`, by locale."""
    templates = {"page": template} if template else {}
    (found,), problems = load(rule(body), templates=templates)
    assert problems == []
    return looks_at(found, PAGES, templates)


@pytest.mark.parametrize(
    "conditions",
    [
        "conditions: { item.categories: Coffee }\n",
        "any_of: [ { order.tags: vip }, { item.quantity: 2, item.categories: { not: Coffee } } ]\n",
        "none_of: { item.url: missing }\n",
        "stop_if: { item.categories: Gift cards }\n",
    ],
)
def test_it_looks_at_the_fields_of_its_conditions(conditions: str) -> None:
    assert looks(conditions + A_NOTE)


@pytest.mark.parametrize(
    "text",
    [
        "{{ item.url }}",
        "{{ order.items[0].url }}",
        "{{ (items | last)['url'] }}",
        "{% for each in items %}{{ each.url }}{% endfor %}",
        "{% for each in items if each.categories %}{{ each.name }}{% endfor %}",
        "{{ items | map(attribute='url') | join(', ') }}",
        "{% if items | selectattr('categories') | list %}Coffee!{% endif %}",
        "{% set first = items | first %}{{ first.url }}",
        "{{ (item | default(items[0])).url }}",
    ],
)
def test_it_looks_at_what_a_text_names(text: str) -> None:
    assert looks(f'actions: [ {{ add_note: "{text}" }} ]\n')


def test_it_looks_at_what_a_template_names_in_any_language_and_any_of_its_parts() -> None:
    send = "actions: [ { send: { template: page } } ]\n"
    assert looks(send, en="Hello.", he="{{ item.url }}")
    assert looks(send, en="---\nsms: '{{ item.url }}'\n---\nHello.")
    assert not looks(send, en="Hello.", he="{{ item.name }}")


@pytest.mark.parametrize(
    "body",
    [
        A_NOTE,
        "conditions: { item.sku: TEA-1, order.payment_url: present }\n" + A_NOTE,
        'actions: [ { add_note: "{{ store.url }}, {{ order.meta.url }}: the url of item.url" } ]\n',
        "actions: [ { add_note: '{% for item in order.refunds %}{{ item.reason }}{% endfor %} url' } ]\n",
    ],
)
def test_it_does_not_look_at_what_is_only_called_alike(body: str) -> None:
    assert not looks(body)


def test_an_input_of_a_preset_is_nothing_that_is_asked_for() -> None:
    assert parts_of("{{ input.url }}") == frozenset()
