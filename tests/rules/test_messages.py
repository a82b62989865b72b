"""One message in the forms that channels take: each reads well, and none can be broken by what a customer typed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.model import Customer, LineItem, Money, Order, Shipment
from rules.bidi import LEFT_TO_RIGHT_MARK as LRM
from rules.bidi import RIGHT_TO_LEFT_MARK as RLM
from rules.layout import Brand
from rules.messages import LONGEST_SMS, LONGEST_SUBJECT, NotByThisChannel, Rendered, render_template, render_words
from rules.template_language import Store
from rules.templates import Context, RenderError, render_text
from tests.rules.pages import Tags

WAY_OUT = "https://tea.example.com/out/abc"

ENGLISH = """\
---
subject: "{{ customer.first_name }}, order {{ order.number }} is on its way"
sms: "Order {{ order.number }}: {{ shipment.tracking_url }}"
whatsapp: { template: on_its_way, parameters: ["{{ customer.first_name }}", "{{ order.number }}"] }
---
Hi {{ customer.first_name }},

it left us on {{ order.created_at | date('long') }}.

[Follow it]({{ shipment.tracking_url }})
"""

HEBREW = """\
---
subject: ההזמנה בדרך
---
היי {{ customer.first_name }},

ההזמנה יצאה ב־{{ order.created_at | date('long') }} עם {{ shipment.carrier }}.
"""


def about(first_name: str | None = "Dana", *, count: int = 1, note: str | None = None) -> Context:
    items = tuple(
        LineItem(id=str(number), name="Tea", quantity=1, total=Money(Decimal(5), "ILS")) for number in range(count)
    )
    order = Order(
        id="7",
        number="#1007",
        status="completed",
        created_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        modified_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        total=Money(Decimal("74.90"), "ILS"),
        customer=Customer(first_name=first_name),
        items=items,
        customer_note=note,
    )
    return Context(
        order=order,
        items=items,
        store=Store(id="tea", name="Tea for Two", url="https://tea.example.com"),
        locale="en",
        zone=ZoneInfo("Asia/Jerusalem"),
        shipment=Shipment(id="1", carrier="UPS", tracking_url="https://track.example.com/1"),
        signed_by="Tal",
    )


def letter(
    source: str = ENGLISH,
    context: Context | None = None,
    locale: str = "en",
    *,
    brand: Brand | None = None,
    unsubscribe: str | None = None,
) -> Rendered:
    wanted = [locale]
    made = brand or Brand()
    return render_template(
        {locale: source}, wanted, context or about(), name="shipped", brand=made, unsubscribe=unsubscribe
    )


# --- languages --------------------------------------------------------------------------------------------


def test_subject_and_body_are_from_the_same_file_even_if_another_has_more() -> None:
    message = render_template({"en": ENGLISH, "he": HEBREW}, ["he-IL", "en"], about(), name="shipped")
    assert message.locale == "he"
    assert message.subject == "ההזמנה בדרך"
    assert message.sms.startswith("היי Dana")
    with pytest.raises(NotByThisChannel):
        message.whatsapp  # noqa: B018


def test_dates_are_in_the_language_of_the_file_and_not_of_who_reads_it() -> None:
    message = render_template({"en": ENGLISH}, ["ru"], about(), name="shipped")
    assert "March 1, 2026" in message.plain
    british = render_template({"en": ENGLISH}, ["en-GB"], about(), name="shipped")
    assert "1 March 2026" in british.plain


@pytest.mark.parametrize(
    ("locale", "forms", "written"),
    [
        ("en", "one='# parcel', other='# parcels'", ["0 parcels", "1 parcel", "2 parcels", "21 parcels"]),
        (
            "ru",
            "one='# посылка', few='# посылки', many='# посылок'",
            ["0 посылок", "1 посылка", "2 посылки", "21 посылка"],
        ),
        (
            "he",
            "one='חבילה אחת', two='שתי חבילות', other='# חבילות'",
            ["0 חבילות", "חבילה אחת", "שתי חבילות", "21 חבילות"],
        ),
        (
            "ar",
            "zero='لا طرود', one='طرد واحد', two='طردان', few='# طرود', many='# طرداً', other='# طرد'",
            ["لا طرود", "طرد واحد", "طردان", "21 طرداً"],
        ),
    ],
)
def test_a_number_has_its_form_in_each_language(locale: str, forms: str, written: list[str]) -> None:
    source = f"{{{{ items | length | plural({forms}) }}}}"
    shown = [render_text(source, replace(about(count=count), locale=locale), "plain") for count in (0, 1, 2, 21)]
    assert shown == written


def test_a_number_that_has_no_form_fails_this_message_alone() -> None:
    with pytest.raises(RenderError, match="'plural' has no form for this number"):
        render_text("{{ items | length | plural(one='a') }}", about(count=2), "plain")


def test_a_full_stop_that_the_language_writes_itself_is_not_written_twice() -> None:
    text = "Оплачено {{ order.created_at | date('long') }}. Спасибо."
    assert render_text(text, replace(about(), locale="ru"), "plain").endswith("2026\u202fг. Спасибо.")


# --- the subject ------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_no_name_breaks_out_of_the_subjects_line(name: str) -> None:
    subject = letter(context=about(name)).mail_subject
    assert "\r" not in subject
    assert len(subject.splitlines()) == 1
    assert "\x00" not in subject


def test_a_mail_without_a_subject_goes_under_the_shops_name() -> None:
    message = letter("Hi")
    assert message.subject is None
    assert message.mail_subject == "Tea for Two"


def test_a_name_of_10_000_characters_fails_the_message_and_is_not_quoted() -> None:
    with pytest.raises(RenderError) as caught:
        letter(context=about("Z" * 10_000)).subject  # noqa: B018
    assert f"over {LONGEST_SUBJECT} characters" in str(caught.value)
    assert "ZZ" not in str(caught.value)


def test_a_subject_with_a_hebrew_name_runs_on_as_english() -> None:
    assert letter(context=about("נועה")).mail_subject == f"{LRM}נועה{LRM}, order #1007 is on its way"


# --- mail -------------------------------------------------------------------------------------------------


def test_a_mail_is_a_whole_page_and_the_platforms_a_piece() -> None:
    message = letter()
    assert message.html_mail.startswith("<!DOCTYPE html>")
    assert message.html_fragment.startswith("<p>Hi Dana,</p>")
    assert "<title>Dana, order #1007 is on its way</title>" in message.html_mail


def test_a_list_of_mails_shows_how_the_message_begins_after_its_salutation() -> None:
    assert '<div class="preview">it left us on March 1, 2026. Follow it' in letter().html_mail


def test_a_mail_is_signed_by_a_person_unless_its_author_has_signed() -> None:
    assert "<bdi>Tal</bdi>" in letter().html_mail
    assert letter().plain_mail.endswith("Tal\nTea for Two")
    for signed in ("Hi {{ customer.first_name }}.\n\nYours, {{ signed_by }}", "Hi.\n\nYours, Tal"):
        assert 'class="signature"' not in letter(signed).html_mail
        assert letter(signed).plain_mail.count("Tal") == 1


def test_a_customer_of_the_same_name_does_not_sign() -> None:
    assert 'class="signature"' in letter(context=about("Tal")).html_mail


def test_marketing_offers_the_way_out_in_every_form() -> None:
    message = letter(unsubscribe=WAY_OUT)
    assert f'<a href="{WAY_OUT}">Unsubscribe</a>' in message.html_mail
    assert message.html_fragment.endswith(f'<p><a href="{WAY_OUT}">Unsubscribe</a></p>')
    for text in (message.plain, message.plain_mail, message.sms):
        assert text.endswith(f"Unsubscribe: {WAY_OUT}")


def test_a_way_out_by_mail_is_not_offered_by_sms() -> None:
    message = letter(unsubscribe="mailto:stop@tea.example.com")
    assert "stop@" not in message.sms
    assert message.plain_mail.endswith("Unsubscribe: stop@tea.example.com")


def test_the_shops_address_stands_at_the_foot() -> None:
    message = letter(brand=Brand(address="1 Sample Street, Haifa"))
    assert message.plain_mail.endswith("-- \nTea for Two\n1 Sample Street, Haifa")
    assert "1 Sample Street, Haifa" in message.html_mail


def test_a_value_of_the_other_direction_does_not_move_what_stands_around_it() -> None:
    assert "Hi <bdi>נועה</bdi>," in letter(context=about("נועה")).html_mail
    assert "Hi Dana," in letter().html_mail
    hebrew = letter(HEBREW, locale="he")
    assert "עם <bdi>UPS</bdi>." in hebrew.html_mail
    assert f"עם UPS{RLM}." in hebrew.plain_mail


def test_each_line_of_a_customers_note_runs_its_own_way() -> None:
    page = letter("> {{ order.customer_note }}", about(note="Ring twice!\nלא בשבת.")).html_mail
    assert "Ring twice!<br />\n<bdi>לא בשבת.</bdi>" in page


def test_a_name_in_html_is_text_in_the_mail_too() -> None:
    page = letter(context=about("<img src=x onerror=y>")).html_mail
    assert "<img" not in page
    assert "&lt;img src=x onerror=y&gt;" in page


NASTY = st.lists(st.sampled_from(["<", ">", '"', "'", "](", "&lt;", "\n", "0q0z", "</p>", "<b>", "א", "a ", "`"])).map(
    "".join
)


@given(NASTY)
def test_whatever_a_name_is_the_page_has_the_same_tags(name: str) -> None:
    name_in = "{{ customer.first_name }}"
    source = f'Dear {name_in}x `{name_in}` [a](https://example.com "{name_in}")'
    tags = [tag for tag in Tags(letter(source, about(f"{name}y")).html_mail).tags if tag != "bdi"]
    assert tags == [tag for tag in Tags(letter(source, about("y")).html_mail).tags if tag != "bdi"]


def test_a_message_for_which_nothing_is_left_comes_out_empty() -> None:
    message = letter("{{ customer.first_name }}", about(None), unsubscribe=WAY_OUT)
    assert (message.html_fragment, message.plain) == ("", "")


# --- SMS ---------------------------------------------------------------------------------------------------


def test_an_sms_is_the_front_matters_text_else_the_body() -> None:
    assert letter().sms == "Order #1007: https://track.example.com/1"
    assert letter("Hi {{ customer.first_name }}, *all* well?").sms == "Hi Dana, all well?"


@pytest.mark.parametrize(("locale", "amount"), [("de", "1.234,50 €"), ("fr", "1 234,50 €"), ("en", "€1,234.50")])
def test_an_sms_has_plain_spaces_in_its_amounts_as_others_would_make_it_dearer(locale: str, amount: str) -> None:
    context = about()
    context = replace(context, order=msgspec.structs.replace(context.order, total=Money(Decimal("1234.50"), "EUR")))
    message = letter("OK: {{ order.total | money }}", context, locale=locale)
    assert message.sms == f"OK: {amount}"


def test_an_sms_that_would_be_too_long_goes_by_another_channel() -> None:
    with pytest.raises(NotByThisChannel, match=rf"over {LONGEST_SMS:,} characters long .*'sms:'"):
        letter("Hi {{ customer.first_name }}", about("Z" * 10_000)).sms  # noqa: B018


# --- WhatsApp ----------------------------------------------------------------------------------------------


def test_whatsapp_gets_the_approved_templates_name_language_and_parameters() -> None:
    assert letter().whatsapp == ("on_its_way", ("Dana", "#1007"), "en")


@pytest.mark.parametrize(("keys", "locale", "code"), [("", "pt-BR", "pt_BR"), (", language: en_US", "en", "en_US")])
def test_whatsapps_code_of_the_language_is_the_files_unless_told(keys: str, locale: str, code: str) -> None:
    source = f"---\nwhatsapp: {{ template: hi{keys} }}\n---\nHi"
    assert letter(source, locale=locale).whatsapp == ("hi", (), code)


def test_a_parameter_that_is_empty_for_this_customer_sends_the_message_another_way() -> None:
    with pytest.raises(NotByThisChannel, match="parameter 1 is empty for this order"):
        letter(context=about(None)).whatsapp  # noqa: B018


def test_a_parameter_is_one_line() -> None:
    source = '---\nwhatsapp: { template: hi, parameters: ["{{ order.customer_note }}"] }\n---\nHi'
    assert letter(source, about(note="a\n\nb    c")).whatsapp.parameters == ("a b c",)


def test_without_an_approved_template_there_is_no_whatsapp() -> None:
    with pytest.raises(NotByThisChannel, match=r"approved templates only, and shipped/en\.md names none"):
        letter("Hi").whatsapp  # noqa: B018
    with pytest.raises(NotByThisChannel, match="a text in a rule names none"):
        words("Hi").whatsapp  # noqa: B018


# --- texts of rules ----------------------------------------------------------------------------------------


def words(text: str, context: Context | None = None) -> Rendered:
    return render_words(text, context or about(), name="rule 'thanks'")


def test_a_text_of_a_rule_goes_as_it_is_and_by_mail_in_the_shops_layout() -> None:
    message = words("Hi {{ customer.first_name }},\nall well?\n\nSee you: {{ store.url }}.")
    assert message.html_fragment == "Hi Dana,\nall well?\n\nSee you: https://tea.example.com."
    assert message.sms == "Hi Dana,\nall well?\n\nSee you: https://tea.example.com."
    assert "<p>Hi Dana,<br>\nall well?</p>" in message.html_mail
    assert '<p>See you: <a href="https://tea.example.com">https://tea.example.com</a>.</p>' in message.html_mail
    assert message.mail_subject == "Tea for Two"


def test_html_in_a_text_is_for_mail_alone_and_safe_there() -> None:
    message = words("<b>Hi</b> {{ customer.first_name }}<script>x()</script><br>bye", about("<i> & co"))
    assert message.html_fragment.startswith("<b>Hi</b> &lt;i&gt; &amp; co<script>")
    assert "<b>Hi</b> &lt;i&gt; &amp; co<br>bye" in message.html_mail
    assert "script" not in message.html_mail
    assert message.sms == "Hi <i> & co\nbye"


def test_a_text_is_not_taken_for_markdown() -> None:
    assert words("*{{ order.number }}* _x_").sms == "*#1007* _x_"
    assert "<em>" not in words("*{{ order.number }}*").html_mail


# --- one at a time -----------------------------------------------------------------------------------------


def test_a_form_that_breaks_does_not_break_the_others() -> None:
    source = "---\nsms: '{{ order.customer_note + \"!\" }}'\n---\nHi {{ customer.first_name }}"
    message = letter(source)
    with pytest.raises(RenderError):
        message.sms  # noqa: B018
    assert message.plain == "Hi Dana"


def test_the_same_template_reads_right_for_one_customer_after_the_other() -> None:
    both = "{% if items | length > 1 %}*both*{% endif %}"
    source = f"Hi {{{{ customer.first_name }}}}, [track]({{{{ shipment.tracking_url }}}}) {both}"
    nowhere = replace(about("Noa", count=2), shipment=Shipment(id="2"))
    assert letter(source).html_fragment == '<p>Hi Dana, <a href="https://track.example.com/1">track</a></p>'
    assert letter(source, nowhere).html_fragment == "<p>Hi Noa, track <em>both</em></p>"
    assert letter(source).html_fragment == '<p>Hi Dana, <a href="https://track.example.com/1">track</a></p>'


def test_rendering_leaves_its_order_untouched() -> None:
    context = about("a\nb")
    before = msgspec.structs.replace(context.order)
    letter(context=context).html_mail  # noqa: B018
    assert context.order == before
