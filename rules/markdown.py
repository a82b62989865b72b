"""Markdown to HTML and to plain text; data is put back when the markup is already known.

What is read is the template's text with tokens for its data, the same for most customers, so that the reading is
done once and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING

from rules.template_language import Data

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Turn = Callable[[str], str]

_LEADS_SOMEWHERE = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)


def in_html(value: str) -> str:
    """Data as HTML that shows it, line by line."""
    return escape(value, quote=False).replace("\n", "<br />\n")


def to_html(source: str, data: Data, turn: Turn = in_html) -> str:
    """HTML without any tag that the Markdown itself does not make; `turn` makes HTML of data within the text."""
    return _fill_in(_html(source), data, turn)


def to_plain(source: str, data: Data, turn: Turn = str) -> str:
    """Text as a person would type it: lists with dashes, links as `text (address)`; `turn` is done to data in it."""
    page = _Page(data, turn)
    for token in _read(source):
        page.take(token)
    return "".join(page.parts).strip()


@cache
def _reader() -> MarkdownIt:
    """CommonMark, line breaks kept as they are written, tags taken for text."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True})


@lru_cache(maxsize=512)
def _read(source: str) -> tuple[Token, ...]:
    return tuple(_reader().parse(source))


@lru_cache(maxsize=512)
def _html(source: str) -> str:
    reader = _reader()
    return str(reader.renderer.render(_read(source), reader.options, {})).strip()


# --- data, put back into HTML ----------------------------------------------------------------------------


def _fill_in(page: str, data: Data, turn: Turn) -> str:
    """The page with its data: as text, or escaped where it stands in code or in a tag."""
    if data.key not in page:
        return page

    def filled(found: re.Match[str]) -> str:
        if found["number"]:
            return turn(data.values[int(found["number"])])
        if found["href"]:
            return _link(found, _fill_in(found["inside"], data, turn), data)
        if found["src"]:
            alt = data.put_back(found["alt"], escape)
            address = _address(unescape(found["src"]), data)
            return f'<img src="{escape(address)}" alt="{alt}" />' if address else alt
        return data.put_back(found[0], escape)

    return _places(data.key).sub(filled, page)


@lru_cache(maxsize=16)
def _places(key: str) -> re.Pattern[str]:
    """Where data stands in a page: addresses of links and pictures, code, tags, and all else, which is text."""
    token = f"{key}[0-9]+z"
    return re.compile(
        rf'<a href="(?P<href>[^"]*{token}[^"]*)"(?P<title>[^>]*)>(?P<inside>.*?)</a>'
        rf'|<img src="(?P<src>[^"]*{token}[^"]*)" alt="(?P<alt>[^"]*)"[^>]*>'
        rf"|<code[^>]*>.*?</code>|<[^>]*{token}[^>]*>|{key}(?P<number>[0-9]+)z",
        re.DOTALL,
    )


def _link(found: re.Match[str], inside: str, data: Data) -> str:
    """A link whose data is no address keeps its text only."""
    address = _address(unescape(found["href"]), data)
    title = data.put_back(found["title"], escape)
    return f'<a href="{escape(address)}"{title}>{inside}</a>' if address else inside


def _address(written: str, data: Data) -> str:
    """An address with data in it must lead to the web, a mailbox or a telephone; empty if it does not."""
    address = data.put_back(written)
    if address == written:
        return written
    return _normalised(address) if _LEADS_SOMEWHERE.match(address) else ""


@lru_cache(maxsize=512)
def _normalised(address: str) -> str:
    return _reader().normalizeLink(address)


# --- plain text ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Page:
    """Plain text as it grows: its parts, what every line begins with, and each open list's next number."""

    data: Data
    turn: Turn
    parts: list[str] = field(default_factory=list)
    margins: list[str] = field(default_factory=list)
    numbers: list[int | None] = field(default_factory=list)
    bullet: str = ""
    tight: bool = False

    def take(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self.numbers.append(None)
            case "ordered_list_open":
                self.numbers.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self.numbers.pop()
            case "list_item_open":
                self.open_item()
            case "blockquote_open":
                self.margins.append("> ")
            case "list_item_close" | "blockquote_close":
                self.margins.pop()
            case "paragraph_open":
                self.tight = token.hidden
            case "heading_open":
                self.tight = False
            case "inline":
                self.write(self.plain(token.children or []), tight=self.tight)
            case "fence" | "code_block":
                self.write(self.data.put_back(token.content).rstrip("\n"))
            case "hr":
                self.write("---")

    def open_item(self) -> None:
        number = self.numbers[-1]
        self.bullet = "- " if number is None else f"{number}. "
        if number is not None:
            self.numbers[-1] = number + 1
        self.margins.append(" " * len(self.bullet))

    def write(self, text: str, *, tight: bool = False) -> None:
        margin = "".join(self.margins)
        first = margin[: len(margin) - len(self.bullet)] + self.bullet
        between = "\n" if tight else "\n\n"
        self.parts.append((between if self.parts else "") + first + text.replace("\n", f"\n{margin}"))
        self.bullet = ""

    def plain(self, tokens: Sequence[Token]) -> str:
        """A paragraph's text; an address follows its text, unless it is the text."""
        text, address, begin = "", "", 0
        for token in tokens:
            match token.type:
                case "softbreak" | "hardbreak":
                    text += "\n"
                case "link_open":
                    address, begin = _address(str(token.attrs["href"]), self.data), len(text)
                case "link_close":
                    text += f" ({address.removeprefix('mailto:')})" if _adds(address, text[begin:]) else ""
                case "image":
                    text += self.plain(token.children or [])
                case _:
                    text += self.data.put_back(token.content, self.turn)
        return text


def _adds(address: str, text: str) -> bool:
    """Whether an address says more than the link's text."""
    return bool(address) and text not in (address, address.removeprefix("mailto:"), address.removeprefix("tel:"))
