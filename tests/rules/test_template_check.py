"""Mistakes in templates, found before anything is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.template_check import check_message, check_text


def told(source: str, *provided: str) -> list[str]:
    return [f"{flaw.line}:{flaw.column}: {flaw.message}" for flaw in check_text(source, provided)]


@pytest.mark.parametrize(
    "source",
    [
        "Hello, nothing here",
        "{{ order.number }} {{ order['number'] }} {{ order.billing.city }} {{ order.total.amount }}",
        "{{ order.meta.anything }} {{ order.meta['any thing'] }}",
        "{{ order.refunded_in_full }} {{ order.total }} {{ order.created_at }}",
        "{% for item in items %}{{ loop.index }}. {{ item.name }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{% for id, count in shipment.items %}{{ id }} {{ count }}{% endfor %}",
        "{% set total = order.total %}{{ total | money }}",
        "{% if shipment %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
        "{{ items | map(attribute='name') | join(', ') }} {{ (items | first).name }} {{ items[0].sku }}",
        "{{ items | selectattr('sku') | length }} {{ order.tags | join(', ') }}",
        "{{ 'one' if items | length == 1 else 'many' }}",
        "{% if order.total.amount > 100 and customer.phone is none %}x{% endif %}",
        "{% with name = customer.first_name %}{{ name }}{% endwith %}",
        "{% raw %}{{ nothing }}{% endraw %}{# {{ nothing }} #}",
        "{{ signed_by | default(store.name) }}",
    ],
)
def test_what_is_right_is_passed(source: str) -> None:
    assert told(source) == []


UNCLOSED = (
    "1:1: this is not closed well: unexpected end of template, expected 'end of print statement';"
    " a value is written {{ like.this }}"
)


@pytest.mark.parametrize(
    ("source", "flaw"),
    [
        ("Hi {{ customer.first_nam }}", "1:7: there is no 'first_nam' in 'customer'; did you mean 'first_name'?"),
        ("a\n b {{ ordr.number }}", "2:7: there is no 'ordr' here; did you mean 'order'?"),
        ("{{ order.billing.ctiy }}", "1:4: there is no 'ctiy' in 'order.billing'; did you mean 'city'?"),
        ("{{ order['nubmer'] }}", "1:11: there is no 'nubmer' in 'order'; did you mean 'number'?"),
        ("{{ items[0].nmae }}", "1:13: there is no 'nmae' in 'items[]'; did you mean 'name'?"),
        ("{% for i in items %}{{ i.nmae }}{% endfor %}", "1:24: there is no 'nmae' in 'i'; did you mean 'name'?"),
        ("{% set t = order.total %}{{ t.amuont }}", "1:29: there is no 'amuont' in 't'; did you mean 'amount'?"),
        ("{{ (items | last).nmae }}", "1:19: there is no 'nmae' in 'items'; did you mean 'name'?"),
        (
            "{{ items | map(attribute='nmae') | list | join }}",
            "1:27: there is no 'nmae' in 'items'; did you mean 'name'?",
        ),
        ("{{ order.number | uper }}", "1:19: there is no filter 'uper'; did you mean 'upper'?"),
        ("{{ order.number | money }}", "1:19: 'money' needs an amount such as order.total, not 'order.number'"),
        ("{{ order.total | date }}", "1:18: 'date' needs a time such as order.created_at, not 'order.total'"),
        ("{% if order.number is evn %}{% endif %}", "1:23: there is no test 'evn'; did you mean 'even'?"),
        (
            "{{ order.number.upper() }}",
            "1:1: nothing can be called here; instead of 'order.number.upper()' use a filter",
        ),
        ("{{ range(9) }}", "1:1: nothing can be called here; instead of 'range()' use a filter"),
        (
            "{{ order.created_at.year }}",
            "1:4: 'order.created_at' is a time and has no 'year'; perhaps a filter does it",
        ),
        ("{{ order.items.name }}", "1:4: 'order.items' has many values; go through them with for"),
        ("{{ order.tags }}", "1:4: 'order.tags' has many values; go through them with for, or join them"),
        (
            "{% for x in order.number %}{% endfor %}",
            "1:13: 'order.number' is one value, so there is nothing to go through with for",
        ),
        ("{% if order.total > 100 %}{% endif %}", "1:7: compare its number: 'order.total.amount'"),
        ("{{ order.total * 2 }}", "1:4: calculate with its number: 'order.total.amount'"),
        ("{{ 9 ** 9 }}", "1:1: there are no powers ('**') here"),
        ("{{ 'x' if shipment }}", "1:1: say what to write otherwise: 'a if b else c'"),
        ("{% include 'x' %}", "1:1: 'include' has no place here; there are if, for, set and with"),
        (
            "{% autoescape false %}{% endautoescape %}",
            "1:1: 'autoescape' has no place here; there are if, for, set and with",
        ),
        ("{{ order.number", UNCLOSED),
        ("a\n{% iff x %}", "2:1: the template cannot be read: Encountered unknown tag 'iff'"),
    ],
)
def test_a_mistake_is_told_with_its_place(source: str, flaw: str) -> None:
    assert told(source) == [flaw]


def test_a_whole_record_cannot_be_written_out() -> None:
    (flaw,) = told("{{ order }}")
    assert flaw.startswith("1:4: 'order' is a whole record; write out a part of it, such as order.id,")


def test_a_name_that_only_one_branch_sets_is_not_known_after_it() -> None:
    (flaw,) = told("{% if shipment %}{% set x = 1 %}{% endif %}\n{{ x }}")
    assert flaw.startswith("2:4: there is no 'x' here")


def test_a_loops_variable_ends_with_the_loop() -> None:
    (flaw,) = told("{% for i in items %}{{ i.name }}{% endfor %}\n{{ i.name }}")
    assert flaw.startswith("2:4: there is no 'i' here")


def test_loops_are_bounded_in_depth() -> None:
    source = "{% for a in items %}{% for b in items %}{% for c in items %}{% endfor %}{% endfor %}{% endfor %}"
    assert told(source) == ["1:1: loops can be nested 2 deep, no deeper"]


def test_a_provided_name_is_known_only_where_it_is_provided() -> None:
    assert told("{{ coupon.code }}", "coupon") == []
    assert told("{{ coupon.code }}") == ["1:4: 'coupon' is not known here: no earlier action of the rule provides it"]
    assert told("{{ coupon.cod }}", "coupon") == ["1:4: there is no 'cod' in 'coupon'; did you mean 'code'?"]


def test_all_mistakes_of_a_text_are_told() -> None:
    assert len(told("{{ a }} {{ b }}\n{{ order.c }}")) == 3


def test_a_template_without_bounds_is_refused() -> None:
    assert told("x" * 100_001) == ["1:1: the template is over 100,000 characters long; shorten it"]
    assert told("{{ " + "(" * 3000 + " }}") == ["1:1: the template is nested too deep; write it more simply"]


def test_a_message_is_checked_in_its_front_matter_and_its_body() -> None:
    source = "---\nsubject: Order {{ order.nubmer }}\nsbject: x\n---\nHello\n{{ itens.here }}\n"
    assert [str(problem) for problem in sorted(check_message(source, "templates/hi/en.md"))] == [
        "templates/hi/en.md:2:19: subject: there is no 'nubmer' in 'order'; did you mean 'number'?",
        "templates/hi/en.md:3:1: there is no key 'sbject'; did you mean 'subject'?",
        "templates/hi/en.md:6:4: there is no 'itens' here; did you mean 'items'?",
    ]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("---\nsubject: Hi\nHello", "en.md:1:1: the front matter that begins here is not closed; put '---' below it"),
        ("---\nsubject: Hi\n---\n\n", "en.md:1:1: the message is empty; write it below the front matter"),
        (
            "---\nsubject: {{ order.number }}\n---\nHi",
            "en.md:2:11: a key is plain text, not a list or mapping; put text with braces in quotes",
        ),
        ("---\nsubject: [a]\n---\nHi", "en.md:2:10: subject: expected text, got a list"),
        ("---\njust words\n---\nHi", "en.md:2:1: write the front matter as 'subject: …'"),
    ],
)
def test_broken_front_matter_is_told(source: str, problem: str) -> None:
    assert [str(found) for found in check_message(source, "en.md")] == [problem]


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("hebrew.md", "there is no language 'hebrew'; name the file by 'he.md'"),
        ("xx-YY.md", "there is no language 'xx-YY'; name the file by a code such as 'he.md' or 'pt-BR.md'"),
        ("en-XX.md", "there is no language 'en-XX'; name the file by 'en.md'"),
    ],
)
def test_a_file_that_is_named_by_no_language_is_told(file: str, sentence: str) -> None:
    assert [str(found) for found in check_message("Hi", f"templates/hi/{file}")] == [
        f"templates/hi/{file}:1:1: {sentence}"
    ]


@pytest.mark.parametrize("file", ["he.md", "iw.md", "pt-BR.md", "pt_br.md", "zh-CN.md", "sr-Latn.md"])
def test_a_language_may_be_written_in_the_ways_that_are_common(file: str) -> None:
    assert check_message("Hi", file) == []


@pytest.mark.parametrize(
    ("whatsapp", "problem"),
    [
        ("{ parameters: [a] }", "en.md:2:11: whatsapp: 'template' is missing"),
        ("{ template: Review request }", "the name of an approved template is small letters a-z, digits and '_'"),
        ("{ template: hi, language: klingon }", "whatsapp.language: there is no language 'klingon'"),
        ("{ template: hi, parametres: [a] }", "there is no key 'parametres'; did you mean 'parameters'?"),
        (
            '{ template: hi, parameters: ["{{ order.nubmer }}"] }',
            "whatsapp.parameters.0: there is no 'nubmer' in 'order'",
        ),
    ],
)
def test_mistakes_about_an_approved_template_are_told(whatsapp: str, problem: str) -> None:
    (found,) = check_message(f"---\nwhatsapp: {whatsapp}\n---\nHi", "en.md")
    assert found.line == 2
    assert problem in str(found)


def test_a_template_of_300_kilobytes_is_told_to_be_too_long() -> None:
    (found,) = check_message("---\nsubject: Hi\n---\n" + "x" * 300_000, "templates/hi/en.md")
    assert str(found) == "templates/hi/en.md:1:1: the template is over 100,000 characters long; shorten it"


# --- plurals ------------------------------------------------------------------------------------------------

COUNT = "{{ items | length | plural(%s) }}"


@pytest.mark.parametrize(
    ("locale", "forms"),
    [
        (None, "other='x'"),
        ("en", "one='a', other='b'"),
        ("ru", "one='a', few='b', many='c'"),
        ("he", "one='a', other='b'"),
        ("ar-EG", "one='a', few='b', many='c', other='d'"),
    ],
)
def test_the_forms_that_a_language_needs_are_enough(locale: str | None, forms: str) -> None:
    assert check_text(COUNT % forms, (), locale) == []


@pytest.mark.parametrize(
    ("locale", "forms", "message"),
    [
        (None, "one='a'", "'plural' needs other= too"),
        ("ru", "one='a', other='b'", "'plural' needs few= and many= too in 'ru'"),
        ("ar", "one='a', other='b'", "'plural' needs few= and many= too in 'ar'"),
        ("en", "ohter='b', one='a', other='c'", "'plural' has no 'ohter'; did you mean 'other'?"),
        ("en", "'a', one='b', other='c'", "write the forms by their names: plural(one='# parcel', other='# parcels')"),
    ],
)
def test_a_form_that_is_missing_or_unknown_is_told(locale: str | None, forms: str, message: str) -> None:
    assert [flaw.message for flaw in check_text(COUNT % forms, (), locale)] == [message]


def test_a_plural_of_what_is_no_number_is_told() -> None:
    (flaw,) = check_text("{{ order.number | plural(other='#') }}")
    assert flaw.message == "'plural' needs a number such as items | length, not 'order.number'"


def test_a_template_is_checked_with_the_forms_of_its_files_language() -> None:
    (found,) = check_message("\n" + COUNT % "one='a', other='b'", "templates/hi/ru.md")
    assert str(found) == "templates/hi/ru.md:2:21: 'plural' needs few= and many= too in 'ru'"


WORDS = ("{{", "}}", "{%", "%}", " order", "total", " if ", " for ", " in ", "items", "endfor", "money", "set", "[0]")
PIECES = st.sampled_from([*WORDS, *"|().x=", "\n"])


@given(st.text(max_size=60) | st.lists(PIECES, max_size=25).map("".join))
def test_no_template_makes_the_check_raise(source: str) -> None:
    check_text(source)
    check_message(source, "en.md")
