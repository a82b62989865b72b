"""The demo's messages as files: a page each, to be looked at in a browser, and one that lists them all."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from connector.demo.account import Account, Message

INDEX = "index.html"


def write_pages(account: Account, folder: Path) -> Path:
    """Write a page for each message and note, and the index; returns the index. Raises OSError."""
    zone = ZoneInfo(account.timezone)
    environment = Environment(
        loader=PackageLoader("connector.demo", "look"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"local": lambda at: _local(at, zone), "language": language_name}
    style = Markup(files("connector.demo").joinpath("look/style.css").read_text(encoding="utf-8"))  # noqa: S704  ours
    page = environment.get_template("message.html")
    for message in [*account.messages, *account.notes]:
        html = page.render(
            message=message,
            style=style,
            when=_local(message.at, zone),
            direction=direction(message.language),
            words=_words(message),
        )
        (folder / message.file).write_text(html, encoding="utf-8")
    index = folder / INDEX
    index.write_text(environment.get_template(INDEX).render(account=account, style=style), encoding="utf-8")
    return index


def language_name(language: str) -> str:
    """A language as English calls it: `he` is Hebrew."""
    return str(Locale.parse(language, sep="-").get_language_name("en"))


def direction(language: str) -> str:
    """`rtl` or `ltr`, as HTML calls them."""
    return "rtl" if Locale.parse(language, sep="-").character_order == "right-to-left" else "ltr"


def _words(message: Message) -> Markup | str:
    """The words as the store has them: text, or HTML in which whatever customers wrote has been escaped."""
    if message.markup == "plain":
        return message.body
    return Markup(message.body)  # noqa: S704  that this is safe is what the demo shows


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %d %b %H:%M}"
