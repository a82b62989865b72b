"""One message to one customer, in each of the forms that channels take.

The source is a Markdown template, with a file for each language, or a text that stands in a rule. A form is worked out
when it is asked for, so that a message by SMS costs no mail.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from html import escape, unescape
from typing import NamedTuple

from rules import markdown
from rules.bidi import closed_off, kept_whole, lines_led, needs_isolation
from rules.layout import Brand, Page, page, unsubscribe_word
from rules.letter import FrontMatter, Letter, read_letter
from rules.locales import choose_locale, is_right_to_left, read_in
from rules.templates import Context, RenderError, Written, bounded, names_of, run

LONGEST_SUBJECT = 250
LONGEST_SMS = 1600
"""What gateways take as one message, in parts."""

_PLAIN_SPACES = dict.fromkeys(map(ord, "\u00a0\u2009\u202f"), " ")
"""Amounts and times have them in many languages; one of them would make a text message twice as dear."""

NO_BRAND = Brand()


class WhatsApp(NamedTuple):
    """A template that WhatsApp has approved, by its name and language there, and what its places are filled with."""

    template: str
    parameters: tuple[str, ...]
    language: str


class NotByThisChannel(Exception):
    """The message cannot go by this channel, but may by another. Says why, without the order's data."""


def render_template(
    texts: Mapping[str, str],
    wanted: Sequence[str | None],
    context: Context,
    *,
    name: str,
    brand: Brand = NO_BRAND,
    unsubscribe: str | None = None,
) -> Rendered:
    """A Markdown template as a message, in the language that suits best of those that there are.

    `texts` are its files' texts by locale, `wanted` the locales that the customer wants, the best first (see
    `wanted_locales`); dates and money are written as that one has them, whatever `context.locale` says. `name` is the
    template's folder, for errors. `unsubscribe` is the address (https: or mailto:) that marketing offers.
    Raises RenderError if the file is wrong.
    """
    locale = choose_locale(texts, wanted)
    file = f"{name}/{locale}.md"
    letter = read_letter(texts[locale], file)
    if letter.problems:
        raise RenderError(file, letter.problems[0].line, letter.problems[0].message)
    context = replace(context, locale=read_in(locale, wanted))
    return Rendered(letter.front, letter.body, letter, context, locale, file, brand, unsubscribe)


def render_words(
    text: str, context: Context, *, name: str, brand: Brand = NO_BRAND, unsubscribe: str | None = None
) -> Rendered:
    """A text that stands in a rule as a message, in the language of `context.locale`. `name` is the rule's, for errors.

    The text may hold HTML, as the shop's own messages take it; mail shows it, and other channels leave its tags out.
    """
    return Rendered(FrontMatter(), text, None, context, context.locale, name, brand, unsubscribe)


@dataclass(frozen=True)
class Rendered:
    """A message, ready in each form when it is asked for. Any of them may raise RenderError.

    `locale` is that of the file: subject and body are always from the same one.
    """

    front: FrontMatter
    body: str
    letter: Letter | None
    context: Context
    locale: str
    name: str
    brand: Brand
    unsubscribe: str | None

    @cached_property
    def subject(self) -> str | None:
        """The subject in one line, if the template has one."""
        return self._in_one_line(self.front.subject or "", closed=False)

    @cached_property
    def html_fragment(self) -> str:
        """The body as HTML, for a mail that the platform makes around it. Empty if nothing is left for this order."""
        text, data = self._written
        if self.letter is None:
            html = data.put_back(text, partial(escape, quote=True)).strip()
        else:
            html = markdown.to_html(text, data)
        html += self._unsubscribe_line(html, "<p>{}</p>", '<a href="{address}">{word}</a>')
        if html and self.letter is not None and self._right_to_left:
            html = f'<div dir="rtl">{html}</div>'  # the shop's own mail around it may run the other way
        return bounded(html, self.name)

    @cached_property
    def plain(self) -> str:
        """The body as plain text, for a platform that takes no HTML. Empty if nothing is left for this order."""
        text = self._plain_body(str)
        return bounded(text + self._unsubscribe_line(text, "\n\n{}", "{word}: {address}"), self.name)

    @cached_property
    def mail_subject(self) -> str:
        """The subject of our own mail: the template's, else the shop's name."""
        subject = self._in_one_line(self.front.subject or "", closed=True) or self._shop
        return lines_led(subject, right_to_left=self._right_to_left)

    @cached_property
    def html_mail(self) -> str:
        """A whole HTML page for our own mail, in the shop's layout. Its styles are still to be inlined."""
        text, data = self._written
        turn = partial(_isolated, right_to_left=self._right_to_left)
        body = markdown.to_html(text, data, turn) if self.letter is not None else _paragraphs(data.put_back(text, turn))
        written = Page(
            body=body,
            subject=self.mail_subject,
            preview=_preview(self._closed_body),
            locale=self.locale,
            shop=self._shop,
            shop_url=self.context.store.url,
            signed_by=None if self._signs_itself else self.context.signed_by,
            unsubscribe=self.unsubscribe,
        )
        return bounded(page(written, self.brand), self.name)

    @cached_property
    def plain_mail(self) -> str:
        """The same mail as plain text, for those who read it so."""
        parts = [self._closed_body]
        if not self._signs_itself and self.context.signed_by:
            parts.append(f"{self.context.signed_by}\n{self._shop}")
        address = self.brand.address
        footer = [self._shop, kept_whole(address, right_to_left=self._right_to_left)] if address else []
        if self.unsubscribe:
            footer.append(f"{unsubscribe_word(self.locale)}: {self.unsubscribe.removeprefix('mailto:')}")
        if footer:
            parts.append("-- \n" + "\n".join(filter(None, footer)))
        return bounded(lines_led("\n\n".join(parts), right_to_left=self._right_to_left), self.name)

    @cached_property
    def sms(self) -> str:
        """The front matter's text for SMS, else the body, as plain text. Raises NotByThisChannel if it is too long."""
        if self.front.sms is None:
            text = self._closed_body
        else:
            words, data = self._run(self.front.sms)
            text = data.put_back(words, self._closed).strip()
        if self.unsubscribe and self.unsubscribe.startswith("https:"):
            text += f"\n{unsubscribe_word(self.locale)}: {self.unsubscribe}"
        text = lines_led(text.translate(_PLAIN_SPACES), right_to_left=self._right_to_left)
        if len(text) > LONGEST_SMS:
            shorter = "write a shorter text under 'sms:' in the template" if self.letter is not None else "shorten it"
            raise NotByThisChannel(f"the text is over {LONGEST_SMS:,} characters long for this order; {shorter}")
        return text

    @cached_property
    def whatsapp(self) -> WhatsApp:
        """The approved template that says the same. Raises NotByThisChannel if there is none, or a place is empty."""
        keys = self.front.whatsapp
        if keys is None:
            where = self.name if self.letter is not None else "a text in a rule"
            raise NotByThisChannel(f"WhatsApp takes approved templates only, and {where} names none")
        parameters = tuple(self._in_one_line(source, closed=False) for source in keys.parameters)
        for number, value in enumerate(parameters, start=1):
            if value is None:
                cure = "write {{ … | default('…') }}"
                raise NotByThisChannel(f"its WhatsApp parameter {number} is empty for this order; {cure}")
        filled = tuple(filter(None, parameters))
        return WhatsApp(keys.template, filled, (keys.language or self.locale).replace("-", "_"))

    # What the forms are made of

    @cached_property
    def _names(self) -> Mapping[str, object]:
        return names_of(self.context)

    @cached_property
    def _written(self) -> Written:
        return self._run(self.body)

    def _run(self, source: str) -> Written:
        return run(source, self._names, self.name)

    @property
    def _right_to_left(self) -> bool:
        return is_right_to_left(self.locale)

    @property
    def _shop(self) -> str:
        return self.context.store.name or self.context.store.id

    @property
    def _signs_itself(self) -> bool:
        """Whether the author has signed already; what customers are called does not count."""
        name = self.context.signed_by
        return bool(re.search(r"\bsigned_by\b", self.body)) or (name is not None and name in self.body)

    @cached_property
    def _closed_body(self) -> str:
        return self._plain_body(self._closed)

    def _closed(self, value: str) -> str:
        return closed_off(value, right_to_left=self._right_to_left)

    def _plain_body(self, turn: markdown.Turn) -> str:
        text, data = self._written
        if self.letter is not None:
            return markdown.to_plain(text, data, turn)
        if not _TAG.search(text):
            return data.put_back(text, turn).strip()
        return _without_tags(data.put_back(text, lambda value: escape(turn(value))))

    def _in_one_line(self, source: str, *, closed: bool) -> str | None:
        """A text without line breaks and other control characters. Raises RenderError if it is too long."""
        words, data = self._run(source)
        text = data.put_back(words, self._closed if closed else str)
        text = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in ("Cc", "Cs"))
        if len(text) > LONGEST_SUBJECT:
            sentence = f"this makes a line of over {LONGEST_SUBJECT} characters for this order"
            raise RenderError(self.name, 1, f"{sentence}: a subject, or a part of a WhatsApp message")
        return text or None

    def _unsubscribe_line(self, text: str, around: str, line: str) -> str:
        """What marketing offers at the end of a platform's own message."""
        if not self.unsubscribe or not text:
            return ""
        address = escape(self.unsubscribe) if "<" in line else self.unsubscribe.removeprefix("mailto:")
        return around.format(line.format(address=address, word=unsubscribe_word(self.locale)))


# --- texts of rules as mail ---------------------------------------------------------------------------------

_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_BLOCK = re.compile(r"</?(?:p|div|h[1-6]|ul|ol|table|blockquote)\b", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,:;!?()]")


def _paragraphs(html: str) -> str:
    """A text's HTML, made safe, in paragraphs as its lines have it; addresses can be followed."""
    import nh3

    if "<a " not in html:
        html = _BARE_ADDRESS.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', html)
    if not _BLOCK.search(html):
        html = "\n".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", html.strip()))
        html = re.sub(r"(?<!>)\n(?!<p>)", "<br />\n", html)
    return nh3.clean(html, link_rel=None)


def _without_tags(html: str) -> str:
    import nh3

    return unescape(nh3.clean(re.sub(r"<br\s*/?>\n?", "\n", html), tags=set())).strip()


# --- pieces of mail -----------------------------------------------------------------------------------------


def _isolated(value: str, *, right_to_left: bool) -> str:
    """Data as HTML; each of its lines runs its own way, and has no say in what stands around it."""
    lines = (
        f"<bdi>{escape(line)}</bdi>" if needs_isolation(line, right_to_left=right_to_left) else escape(line)
        for line in value.split("\n")
    )
    return "<br />\n".join(lines)


def _preview(text: str) -> str:
    """What a list of mails shows beside the subject: how the message begins, after its salutation."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    greeted = len(paragraphs) > 1 and len(paragraphs[0]) <= 60 and paragraphs[0][-1:] in ",،!:"
    words = re.sub(r" ?\((?:https?://|tel:)[^\s)]*\)", "", " ".join(paragraphs[greeted:]))
    return words if len(words) <= 120 else words[:120].rsplit(" ", 1)[0] + "…"
