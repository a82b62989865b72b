"""Templates come from people who may not be trusted with the machine: nothing they write escapes or fills it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from adapters.model import Customer, LineItem, Money, Order
from rules.template_check import check_text
from rules.template_language import Store
from rules.templates import Context, RenderError, render_text

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def about(items: int = 3, note: str = "Thank you") -> Context:
    price = Money(Decimal("10.00"), "ILS")
    lines = tuple(LineItem(id=str(n), name=f"Tea {n}", quantity=1, total=price) for n in range(items))
    order = Order(
        id="7",
        number="7",
        status="completed",
        created_at=NOON,
        modified_at=NOON,
        total=price,
        customer=Customer(first_name="Dana"),
        items=lines,
        customer_note=note,
    )
    return Context(order=order, items=lines, store=Store(id="tea"), locale="en", zone=ZoneInfo("UTC"))


ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ order.__init__.__globals__ }}",
    "{{ order['__class__'] }}",
    "{{ order.__struct_fields__ }}",
    "{{ order | attr('__class__') }}",
    "{{ [order] | map('attr', '__class__') | first }}",
    "{{ items | map(attribute='__class__.__base__') | first }}",
    "{{ items | selectattr('__class__') | map(attribute='__class__') | join }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__ }}",
    "{{ joined('a') }}",
    "{{ _data.values }}",
    "{{ order.customer.__reduce__() }}",
    "{{ '%s' | format(order) }}",
    "{{ '{0.__class__}'.format(order) }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% extends '../../config.yaml' %}",
    "{% set x = order.items.append %}{{ x(1) }}",
)


@pytest.mark.parametrize("source", ["{{ order if 'a'[1] else 1 }}", "{{ 1 if 'a'.b.c else 2 }}"])
def test_what_cannot_be_worked_out_for_any_order_is_a_mistake_with_its_place(source: str) -> None:
    assert [str(flaw.message) for flaw in check_text(source)]


@pytest.mark.parametrize("source", ESCAPES)
def test_a_template_reaches_nothing_but_what_it_may_name(source: str) -> None:
    check_text(source)  # says what it can, and never raises
    try:
        told = render_text(source, about(), "plain")
    except RenderError:
        return
    assert not any(word in told for word in ("class", "object", "module", "function", "/", "{"))


LINES = "{% set a = a + a %}" * 40
BOMBS = {
    "a number multiplied by itself": "{% set a = 9999999999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
    "a text doubled": "{% set a = 'xxxxxxxxxx' %}" + LINES + "{{ a | length }}",
    "a text doubled by ~": "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a | length }}",
    "a list doubled": "{% set a = [1, 2, 3, 4] %}" + LINES + "{{ a | length }}",
    "a list of lists": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a | string | length }}",
    "lists compared": "{% set a = [1] %}{% set b = [1] %}"
    + "{% set a = [a, a] %}{% set b = [b, b] %}" * 40
    + "{{ a == b }}",
    "a text joined to itself": "{% set a = 'xxxxxxxxxx' %}" + "{% set a = [a, a] | join %}" * 40 + "{{ a | length }}",
    "a text between texts": "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a | join(a) %}" * 12 + "{{ a | length }}",
    "loops in loops": "{% for a in items %}" * 4 + "{% if a %}{% endif %}" + "{% endfor %}" * 4,
    "a loop with much in it": "{% for a in items %}{% for b in items %}"
    + "{% if a == b %}{% endif %}" * 500
    + "{% endfor %}{% endfor %}",
    "a range": "{% for i in range(999999999) %}{% endfor %}",
    "text multiplied": "{{ 'x' * 999999999 }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a wide format": "{{ '%999999999d' % 1 }}",
    "blocks in blocks": "{% if order %}" * 150 + "{% endif %}" * 150,
    "brackets in brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a number of a mile": "{{ " + "9" * 50_000 + " }}",
    "a number beyond all": "{{ 1e999 | int }}",
    "a note of megabytes, often": "{% for a in items %}{{ order.customer_note | upper | lower | title }}{% endfor %}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_cannot_fill_memory_or_time(bomb: str) -> None:
    with pytest.raises(RenderError) as caught:
        render_text(BOMBS[bomb], about(items=100, note="x" * 100_000), "plain")
    assert "Dana" not in str(caught.value)
    check_text(BOMBS[bomb])  # says what it can, and never raises


def test_a_large_order_in_a_rich_message_is_no_bomb() -> None:
    source = (
        "{% for item in items %}{{ loop.index }}/{{ loop.length }} {{ item.name | upper }}: {{ item.total | money }}"
        "{% if not loop.last %}, {% endif %}{% endfor %}{{ items | map(attribute='name') | join(', ') }}"
        "{{ 'a' ~ items | length ~ order.total }} {{ [1, 2] + [3] | list | last if items else (1, 2) | first }}"
    )
    assert "249/250 TEA 248: ₪10.00" in render_text(
        source.replace("[1, 2] + [3] | list | last", "2"), about(250), "plain"
    )
