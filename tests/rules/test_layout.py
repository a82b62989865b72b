"""The page around a message: readable in every colour, in light and dark, in both directions."""

from __future__ import annotations

import re
from dataclasses import replace

import css_inline
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.layout import Brand, Page, contrast, page, parse_colour, parse_logo, readable, text_on, unsubscribe_word

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
LETTER = Page(body="<p>Hello</p>", subject="Hi", preview="It is here", locale="en", shop="Tea for Two")


def with_styles_in_place(html: str) -> str:
    return css_inline.inline(html)


@given(COLOURS)
def test_any_colour_of_a_shop_gives_text_that_can_be_read(colour: str) -> None:
    assert contrast(text_on(colour), colour) >= 4.5
    for ground in ("#ffffff", "#1b1e22"):
        assert contrast(readable(colour, ground), ground) >= 4.5


@given(COLOURS)
def test_every_text_of_a_page_stands_out_from_its_ground(colour: str) -> None:
    html = page(LETTER, Brand(colour=colour))
    light, dark = (
        dict(re.findall(r"\.letter( \.button)? a \{[^}]*?(?<!-)color: (#\w+)", part)) for part in halves(html)
    )
    assert contrast(light[""], "#ffffff") >= 4.5
    assert contrast(dark[""], "#1b1e22") >= 7
    for part in halves(html):
        ((ground, text),) = re.findall(r"\.button a \{[^}]*?background: (#\w+)[^}]*?(?<!-)color: (#\w+)", part)
        assert contrast(text, ground) >= 4.5


def halves(html: str) -> list[str]:
    """The styles for light screens, and those for dark ones."""
    return html.split("@media (prefers-color-scheme: dark)")


def test_a_button_that_is_nearly_white_has_an_edge() -> None:
    assert "border: 1px solid #d6dade" in page(LETTER, Brand(colour="#fafafa"))
    assert "border: 1px solid #00aa66" in page(LETTER, Brand(colour="#00aa66"))


def test_a_colour_that_can_be_read_already_stays_as_it_is() -> None:
    assert readable("#004d33", "#ffffff") == "#004d33"


@pytest.mark.parametrize(("written", "colour"), [("#0a6", "#00aa66"), (" #00AA66 ", "#00aa66")])
def test_a_colour_is_written_short_or_long(written: str, colour: str) -> None:
    assert parse_colour(written) == colour


@pytest.mark.parametrize("written", ["green", "#12", "#12345g", "red;}", "#0000000"])
def test_what_is_no_colour_is_refused_in_plain_words(written: str) -> None:
    with pytest.raises(ValueError, match="write a colour such as '#0a6'"):
        parse_colour(written)


@pytest.mark.parametrize("written", ["http://x.example.com/l.png", "logo.png", "https://", 'https://x.example.com/"l'])
def test_a_logo_that_not_everybody_can_see_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="beginning with https://"):
        parse_logo(written)
    assert parse_logo("https://tea.example.com/logo.png") == "https://tea.example.com/logo.png"


def test_a_page_bears_the_shops_name_and_its_signature() -> None:
    html = page(replace(LETTER, signed_by="Tal", shop_url="https://tea.example.com"), Brand())
    assert '<a href="https://tea.example.com"><bdi>Tea for Two</bdi></a>' in html
    assert '<p class="signature"><bdi>Tal</bdi><br><bdi>Tea for Two</bdi></p>' in html


def test_a_logo_says_the_shops_name_where_pictures_are_off() -> None:
    html = page(LETTER, Brand(logo="https://tea.example.com/logo.png"))
    assert '<img src="https://tea.example.com/logo.png" alt="Tea for Two" height="48">' in html


def test_a_footer_has_the_address_and_the_way_out_where_there_are_such() -> None:
    html = page(replace(LETTER, unsubscribe="https://tea.example.com/u?a=1&b=2"), Brand(address="1 Sample Street"))
    assert '<a href="https://tea.example.com/u?a=1&amp;b=2">Unsubscribe</a>' in html
    assert "1 Sample Street" in html
    assert 'class="foot"' not in page(LETTER, Brand())


@pytest.mark.parametrize(
    ("locale", "lang", "side"), [("he", "he", "right"), ("ar_EG", "ar-EG", "right"), ("ru", "ru", "left")]
)
def test_a_page_says_its_language_and_runs_its_way(locale: str, lang: str, side: str) -> None:
    html = page(replace(LETTER, locale=locale), Brand())
    direction = "rtl" if side == "right" else "ltr"
    assert f'<html lang="{lang}" dir="{direction}">' in html
    assert f'<div class="page" lang="{lang}" dir="{direction}">' in html
    assert f"text-align: {side}" in html


def test_the_styles_for_dark_screens_outlive_the_inlining_and_no_others_do() -> None:
    html = with_styles_in_place(page(LETTER, Brand(colour="#00aa66")))
    assert html.count("<style") == 1
    assert "@media (prefers-color-scheme: dark)" in html
    assert re.search(r'<div class="card" style="[^"]*max-width: 600px', html)


def test_a_paragraph_that_is_a_link_is_a_button_and_a_link_in_a_sentence_is_not() -> None:
    link = '<a href="https://track.example.com/1">Follow it</a>'
    html = page(replace(LETTER, body=f"<p>{link}</p>\n<p>Or {link}.</p>\n<p>{link} {link}</p>"), Brand())
    assert html.count('class="button"') == 1
    assert f'<p class="button">{link}</p>' in html


def test_whatever_a_shop_is_called_is_text() -> None:
    html = page(replace(LETTER, shop="<b>Tea</b>", subject="<i>", preview="</div>"), Brand(address="<hr>"))
    assert "<b>" not in html
    assert "<i>" not in html
    assert "<hr>" not in html
    assert "&lt;/div&gt;" in html


@pytest.mark.parametrize(
    ("locale", "word"), [("he-IL", "להסרה מרשימת התפוצה"), ("ru", "Отписаться"), ("xx", "Unsubscribe")]
)
def test_the_way_out_is_offered_in_the_readers_language(locale: str, word: str) -> None:
    assert unsubscribe_word(locale) == word


def test_a_page_stays_far_below_what_mail_programs_cut_off() -> None:
    assert len(with_styles_in_place(page(LETTER, Brand())).encode()) < 20_000
