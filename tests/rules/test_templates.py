"""Templates become words: nothing missing shows, and no data becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.model import Customer, LineItem, Money, Order, Shipment
from rules.messages import render_template
from rules.template_language import LONGEST_OUTPUT, LONGEST_SOURCE, GivenCoupon, Store
from rules.templates import Context, Markup, RenderError, render_text
from tests.rules.pages import Tags

DANA = Customer(first_name="Dana", last_name="Levi")
NOBODY = Customer()


def about(
    customer: Customer = DANA,
    *,
    locale: str = "en",
    note: str | None = None,
    meta: dict[str, str] | None = None,
    shipment: Shipment | None = None,
    signed_by: str | None = None,
) -> Context:
    order = Order(
        id="7",
        number="#1007",
        status="completed",
        created_at=datetime(2026, 3, 1, 23, 0, tzinfo=UTC),
        modified_at=datetime(2026, 3, 1, 23, 0, tzinfo=UTC),
        total=Money(Decimal("74.90"), "ILS"),
        customer=customer,
        items=(LineItem(id="1", name="Green tea", quantity=2, total=Money(Decimal(70), "ILS")),),
        customer_note=note,
        meta=meta or {},
    )
    return Context(
        order=order,
        items=order.items,
        store=Store(id="tea", name="Tea & Co", url="https://tea.example.com"),
        locale=locale,
        zone=ZoneInfo("Asia/Jerusalem"),
        shipment=shipment,
        signed_by=signed_by,
    )


def text(source: str, context: Context | None = None, markup: Markup = "plain") -> str:
    return render_text(source, context or about(), markup)


def message(source: str, context: Context, markup: Markup, *, name: str = "message") -> tuple[str | None, str]:
    """A Markdown template's subject and body, in the context's language."""
    made = render_template({context.locale: source}, [context.locale], context, name=name)
    return made.subject, made.html_fragment if markup == "html" else made.plain


def body(source: str, context: Context, markup: Markup) -> str:
    return message(source, context, markup)[1]


# --- values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("{{ order.number }} {{ customer.first_name }} {{ store.name }}", "#1007 Dana Tea & Co"),
        ("{{ order.total }}", "74.90 ILS"),
        ("{{ order.total | money }}", "₪74.90"),
        ("{{ order.created_at }}", "Mar 2, 2026"),
        ("{{ order.created_at | date('short') }}", "3/2/26"),
        ("{{ order.created_at | date('d MMMM, HH:mm') }}", "2 March, 01:00"),
        ("{% for item in items %}{{ item.quantity }} × {{ item.name }}{% endfor %}", "2 × Green tea"),
        ("{{ items | map(attribute='name') | join(', ') }}", "Green tea"),
        ("{{ order.meta.gift }}/{{ order.meta['gift'] }}", "yes/yes"),
        ("{% if shipment %}sent{% else %}not yet{% endif %}", "not yet"),
        ("{% if customer.phone is none %}no phone{% endif %}", "no phone"),
        ("{{ customer.phone | default('none') }}", "none"),
        ("{% set name = customer.first_name | upper %}{{ name ~ '!' }}", "DANA!"),
        ("{{ items[0].quantity * 2 }}", "4"),
    ],
)
def test_a_text_with_its_values(source: str, result: str) -> None:
    assert text(source, about(meta={"gift": "yes"})) == result


def test_amounts_and_days_are_written_as_the_reader_writes_them() -> None:
    source = "{{ order.created_at | date('long') }}, {{ order.total | money }}"
    assert text(source, about(locale="ru")).startswith("2 марта 2026")
    assert text(source, about(locale="he-IL")).startswith("2 במרץ 2026")
    assert text(source, about(locale="xx-nowhere")) == "March 2, 2026, ₪74.90"


def test_a_coupon_is_there_once_it_was_given() -> None:
    context = about()
    given_coupon = Context(
        order=context.order,
        items=context.items,
        store=context.store,
        locale="en",
        zone=context.zone,
        coupon=GivenCoupon(code="TEA-4F7K"),
    )
    assert text("Code: {{ coupon.code }}", given_coupon) == "Code: TEA-4F7K"


# --- what is missing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("Hi {{ customer.first_name }},", "Hi,"),
        ("Hi {{ customer.first_name }} {{ customer.last_name }}!", "Hi!"),
        ("{{ customer.first_name }}, thank you", "Thank you"),
        ("{{ customer.first_name }},\n\nthank you", "Thank you"),
        ("Thank you, {{ customer.first_name }}!", "Thank you!"),
        ("Hello, {{ customer.first_name }}, welcome", "Hello, welcome"),
        ("It is here. {{ customer.first_name }}, enjoy!", "It is here. Enjoy!"),
        ("For {{ customer.first_name }} from us", "For from us"),
        ("Hi {{ customer.first_name | upper }},", "Hi,"),
        ("{{ 'Hi ' ~ customer.first_name ~ ',' }} welcome", "Hi, welcome"),
        ("Order (ref {{ order.number }}) ({{ order.meta.ref }}) is here", "Order (ref #1007) is here"),
        ("Bye,\n{{ signed_by }}\nTea & Co", "Bye,\nTea & Co"),
        ("Dear “{{ customer.first_name }}”, hello", "Dear, hello"),
        ("Parcel: {{ shipment.tracking_number }}.", "Parcel."),
        ("שלום {{ customer.first_name }},", "שלום,"),
        ("مرحبا {{ customer.first_name }}، شكرا", "مرحبا، شكرا"),
        ("{{ customer.first_name }}, спасибо", "Спасибо"),
    ],
)
def test_a_missing_value_leaves_no_hole(source: str, result: str) -> None:
    assert text(source, about(NOBODY)) == result


def test_a_name_of_nothing_but_control_characters_is_missing() -> None:
    assert text("Hi {{ customer.first_name }},", about(Customer(first_name="\u202e\x07 "))) == "Hi,"


def test_a_text_without_gaps_stays_as_its_author_wrote_it() -> None:
    source = "  Hi  ,  {{ customer.first_name }}\n\n\n ok ."
    assert text(source) == "Hi  ,  Dana\n\n\n ok ."


@pytest.mark.parametrize("markup", ["html", "plain"])
def test_a_link_to_a_missing_address_keeps_its_text(markup: Markup) -> None:
    page = body("Please [track it]({{ shipment.tracking_url }}).", about(), markup)
    assert page in ("<p>Please track it.</p>", "Please track it.")


def test_emphasis_around_a_missing_name_goes_with_it() -> None:
    assert body("Hi **{{ customer.first_name }}**,", about(NOBODY), "html") == "<p>Hi,</p>"
    assert body("# {{ customer.first_name }}, thanks", about(NOBODY), "html") == "<h1>Thanks</h1>"
    assert text("<b>{{ customer.first_name }}</b>, thanks", about(NOBODY), "html") == "Thanks"


# --- escaping --------------------------------------------------------------------------------------------


def test_data_is_escaped_for_html_and_the_authors_own_tags_are_not() -> None:
    context = about(Customer(first_name="<img src=x> & Co"))
    assert text("<b>Hi</b> {{ customer.first_name }}", context, "html") == "<b>Hi</b> &lt;img src=x&gt; &amp; Co"
    assert text("<b>Hi</b> {{ customer.first_name }}", context, "plain") == "<b>Hi</b> <img src=x> & Co"


def test_control_characters_and_line_breaks_leave_a_name() -> None:
    context = about(Customer(first_name="Da\x00na\r\nLe\u202evi\u2028\ufdd0x\tz"))
    assert text("[{{ customer.first_name }}]", context) == "[Dana Levi x z]"


def test_a_customers_note_keeps_its_lines() -> None:
    context = about(note="Ring twice.\r\n# Thanks\n\n    bye")
    assert text("{{ order.customer_note }}", context) == "Ring twice.\n# Thanks\n\nbye"
    page = body("> {{ order.customer_note }}", context, "html")
    assert "Ring twice.<br />\n# Thanks<br />\n<br />\nbye" in page
    assert "<h1>" not in page
    assert "<code>" not in page


def test_a_name_injects_neither_markdown_nor_html() -> None:
    context = about(Customer(first_name="[x](https://evil.example.com) **b** `c` <i>d</i> &amp; ![i](j)"))
    page = body("Hi {{ customer.first_name }}, *you*", context, "html")
    assert page == (
        "<p>Hi [x](https://evil.example.com) **b** `c` &lt;i&gt;d&lt;/i&gt; &amp;amp; ![i](j), <em>you</em></p>"
    )


def test_a_value_in_a_code_span_is_shown_as_it_is() -> None:
    assert body("`{{ order.number }}`", about(), "html") == "<p><code>#1007</code></p>"


def test_an_address_from_data_is_linked_and_one_that_runs_code_is_not() -> None:
    source = "[Track]({{ shipment.tracking_url }})"
    good = about(shipment=Shipment(id="1", tracking_url="https://post.example.org/?a=b_c&d=(x)"))
    evil = about(shipment=Shipment(id="1", tracking_url="JavaScript:alert(1)"))
    assert body(source, good, "html") == ('<p><a href="https://post.example.org/?a=b_c&amp;d=(x)">Track</a></p>')
    assert body(source, good, "plain") == "Track (https://post.example.org/?a=b_c&d=(x))"
    assert body(source, evil, "html") == "<p>Track</p>"


NASTY = st.lists(
    st.sampled_from(
        ["<", ">", "](", "[", "![", "`", "*", "_", "#", "&lt;", "\\", "\n", "0q0z", "a", "</p>", "<b>", "é", " "]
    )
).map("".join)


@given(NASTY | st.text(max_size=30))
def test_no_data_becomes_a_tag_or_a_link(name: str) -> None:
    context = about(Customer(first_name=name, last_name="x"))
    page = body("Dear {{ customer.first_name }} {{ customer.last_name }}, *hi*", context, "html")
    assert Tags(page).tags == ["p", "em"]
    note = render_text("<b>{{ customer.first_name }}</b> {{ customer.last_name }}", context, "html")
    assert set(Tags(note).tags) <= {"b"}


@given(NASTY)
def test_data_arrives_as_it_is_but_for_its_spaces(name: str) -> None:
    context = about(Customer(first_name=name))
    wanted = " ".join(name.split())
    assert text("[x{{ customer.first_name }}x]", context) == f"[x{wanted}x]"
    assert Tags(body("x{{ customer.first_name }}x", context, "html")).text == f"x{wanted}x"


def test_a_template_that_looks_like_our_own_tokens_is_left_alone() -> None:
    assert text("0q0z {{ order.number }} 0qq0z") == "0q0z #1007 0qq0z"


# --- Markdown messages -------------------------------------------------------------------------------------

MESSAGE = """\
---
subject: "Your order {{ order.number }}, {{ customer.first_name }}"
sms: Short
---
# Hello {{ customer.first_name }}

We packed:
- {{ items[0].name }}
- a *small* gift
  1. one
  2. two

> Quoted

[Our shop]({{ store.url }}) or <https://help.example.com>,
![logo](https://tea.example.com/l.png)

---

Bye,
{{ signed_by }}
"""


def test_a_message_is_html_with_its_subject() -> None:
    subject, page = message(MESSAGE, about(signed_by="Tal"), "html")
    assert subject == "Your order #1007, Dana"
    assert page.startswith("<h1>Hello Dana</h1>\n<p>We packed:</p>\n<ul>\n<li>Green tea</li>")
    assert '<a href="https://tea.example.com">Our shop</a>' in page
    assert page.endswith("<p>Bye,<br />\nTal</p>")


def test_the_same_message_is_readable_as_plain_text() -> None:
    assert body(MESSAGE, about(signed_by="Tal"), "plain") == (
        "Hello Dana\n\nWe packed:\n- Green tea\n- a small gift\n  1. one\n  2. two\n\n> Quoted\n\n"
        "Our shop (https://tea.example.com) or https://help.example.com,\nlogo\n\n---\n\nBye,\nTal"
    )


def test_html_in_markdown_is_shown_and_not_obeyed() -> None:
    assert body("<script>x</script>", about(), "html") == "<p>&lt;script&gt;x&lt;/script&gt;</p>"


def test_a_message_may_do_without_front_matter() -> None:
    assert message("Hi", about(), "plain") == (None, "Hi")


def test_a_subject_is_one_line_without_escapes() -> None:
    source = "---\nsubject: |\n  {{ store.name }}\n  for {{ customer.first_name }}\n---\nHi\n"
    assert message(source, about(Customer(first_name="<D>")), "html")[0] == "Tea & Co for <D>"


def test_a_byte_order_mark_and_windows_newlines_do_not_hide_the_front_matter() -> None:
    assert message("\ufeff---\r\nsubject: Hi\r\n---\r\nBody\r\n", about(), "plain") == ("Hi", "Body")


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a\n{{ order.nubmer }}", "text:2: there is no 'nubmer' here"),
        ("{{ nothing }}", "text:1: there is no 'nothing' here"),
        ("a\nb\n{{ order.total + 1 }}", "text:3: this cannot be worked out for the order (TypeError)"),
        ("{{ order }}", "text:1: a list or a whole record cannot be written out"),
        ("{{ order.number | money }}", "text:1: 'money' needs an amount such as order.total"),
        ("{{ order.number.upper() }}", "text:1: a template may not do this"),
        ("{{ ''.__class__.__mro__ }}", "text:1: a template may not do this"),
        (
            "{{ customer.phone + '1' }}",
            "text:1: a value that this order does not have is used here as if it were there",
        ),
    ],
)
def test_a_template_that_cannot_be_worked_out_says_where_and_why(source: str, error: str) -> None:
    with pytest.raises(RenderError) as caught:
        text(source)
    assert str(caught.value) == error


def test_an_error_in_a_message_counts_the_lines_of_its_file() -> None:
    with pytest.raises(RenderError) as caught:
        message("---\nsubject: Hi\n---\nHello\n{{ nothing }}", about(), "html", name="thanks")
    assert (caught.value.template, caught.value.line) == ("thanks/en.md", 5)


def test_an_error_tells_nothing_of_the_customer() -> None:
    context = about(Customer(first_name="Secret"))
    for source in (
        "{{ items[customer.first_name] }}",
        "{{ customer.first_name * 3 }}",
        "{{ [][customer.first_name] }}",
    ):
        with pytest.raises(RenderError) as caught:
            text(source, context)
        assert "Secret" not in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 5 }}",
        "{% for i in range(1000000000) %}{% endfor %}",
        "{% for a in 'x' * 10000000 %}{% endfor %}",
        "x" * (LONGEST_SOURCE + 1),
        "{{ order.customer_note }}{{ order.customer_note }}",
    ],
)
def test_what_would_grow_without_bounds_is_stopped(source: str) -> None:
    with pytest.raises(RenderError):
        text(source, about(note="x" * (LONGEST_OUTPUT // 2 + 1)))


def test_rendering_leaves_its_order_untouched() -> None:
    context = about(Customer(first_name="a\nb"))
    before = replace(context.order)
    text("{{ customer.first_name }}", context)
    assert context.order == before


@pytest.mark.parametrize(("locale", "runs"), [("he-IL", '<div dir="rtl">'), ("ar", '<div dir="rtl">'), ("ru", "<p>")])
def test_a_message_in_hebrew_or_arabic_runs_from_right_to_left_in_any_mail(locale: str, runs: str) -> None:
    assert body("{{ order.number }}", about(locale=locale), "html").startswith(runs)
    assert "rtl" not in body("{{ order.number }}", about(locale=locale), "plain")
