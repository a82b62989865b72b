"""Markdown to HTML and to plain text, from one parse; data is put back when the markup is already known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from rules.template_language import Data

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LEADS_SOMEWHERE = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)


def to_html(source: str, data: Data) -> str:
    """HTML without any tag that the Markdown itself does not make."""
    reader = _reader()
    return str(reader.renderer.render(_parse(source, data), reader.options, {})).strip()


def to_plain(source: str, data: Data) -> str:
    """Text as a person would type it: lists with dashes, links as `text (address)`."""
    page = _Page()
    for token in _parse(source, data):
        page.take(token)
    return "".join(page.parts).strip()


@cache
def _reader() -> MarkdownIt:
    """CommonMark, line breaks kept as they are written, tags taken for text."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True})


def _parse(source: str, data: Data) -> list[Token]:
    tokens = _reader().parse(source)
    for token in tokens:
        if token.children is not None:
            token.children = list(_filled(token.children, data))
        token.content = data.put_back(token.content)
        token.info = data.put_back(token.info)
    return tokens


# --- data, put back ------------------------------------------------------------------------------------


def _filled(tokens: Sequence[Token], data: Data) -> Iterator[Token]:
    """The parts of a paragraph with their data. A link whose data is no address keeps its text only."""
    dead_link = False
    for token in tokens:
        token.attrs = {name: _attribute(name, str(value), data) for name, value in token.attrs.items()}
        if token.type == "link_open":
            dead_link = token.attrs["href"] == ""
        if token.type in ("link_open", "link_close") and dead_link:
            continue
        if token.type == "text":
            yield from _with_breaks(data.put_back(token.content), token)
            continue
        if token.children is not None:
            token.children = list(_filled(token.children, data))
        token.content = data.put_back(token.content)
        yield token


def _attribute(name: str, value: str, data: Data) -> str:
    """An address with data in it must lead to the web, a mailbox or a telephone, or it is dropped."""
    if name not in ("href", "src") or not data.occurs_in(value):
        return data.put_back(value)
    address = data.put_back(value)
    return _reader().normalizeLink(address) if _LEADS_SOMEWHERE.match(address) else ""


def _with_breaks(text: str, token: Token) -> Iterator[Token]:
    """A text token for each line, so that a customer's note keeps its lines."""
    for position, line in enumerate(text.split("\n")):
        if position:
            yield token.copy(type="hardbreak", tag="br", content="")
        yield token.copy(content=line)


# --- plain text ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Page:
    """Plain text as it grows: its parts, what every line begins with, and each open list's next number."""

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
                self.write(_plain(token.children or []), tight=self.tight)
            case "fence" | "code_block":
                self.write(token.content.rstrip("\n"))
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


def _plain(tokens: Sequence[Token]) -> str:
    """A paragraph's text; an address follows its text, unless it is the text."""
    text, address, begin = "", "", 0
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                text += "\n"
            case "link_open":
                address, begin = str(token.attrs["href"]), len(text)
            case "link_close":
                text += "" if _same(text[begin:], address) else f" ({address.removeprefix('mailto:')})"
            case "image":
                text += _plain(token.children or [])
            case _:
                text += token.content
    return text


def _same(text: str, address: str) -> bool:
    return text in (address, address.removeprefix("mailto:"), address.removeprefix("tel:"))
