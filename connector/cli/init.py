"""Begin with a shop of yours: writes config.yaml and starter rules.

It asks a few questions. Nothing that is there already is overwritten.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from babel import Locale, UnknownLocaleError
from babel.dates import LOCALTZ

from adapters.urls import store_url
from connector.cli._exits import Exit, Stop, Trouble
from connector.cli._options import CONFIG, ConfigPath
from connector.cli._screen import console
from connector.config import shown
from rules.timing import parse_business_hours

STARTER = resources.files("connector") / "starter"
"""The files that a new shop begins with."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked, or the defaults where nobody is there to answer."""

    id: str = "shop"
    url: str = "https://shop.example.com"
    key: str = "ck_put_your_key_here"
    secret: str = "cs_put_your_secret_here"  # noqa: S105  to be replaced
    zone: str = "UTC"
    locale: str = "en"
    days: str = "mon-fri"
    hours: str = "09:00-18:00"


def init(config: ConfigPath = CONFIG) -> Exit:
    file = config / "config.yaml" if config.is_dir() else config
    if file.exists():
        message = "is there already, and nothing is overwritten; '-c FILE' makes another"
        raise Stop(Exit.MISTAKE, Trouble(message, shown(file), 1, 1))
    asked = sys.stdin.isatty()
    answers = _ask() if asked else Answers(zone=_zone_here(), days=_days_in(_zone_here()))
    try:
        written, kept = _write(file, answers)
    except OSError as error:
        raise Stop(
            Exit.MISTAKE, f"{shown(Path(error.filename or file))}: cannot be written: {error.strerror}"
        ) from None
    _tell(file, written, kept, asked=asked)
    return Exit.WELL


# Questions ----------------------------------------------------------------------------------------------------


def _ask() -> Answers:
    typer.echo("A few questions about your WooCommerce shop. Enter takes what stands in brackets.\n")
    url = typer.prompt("The shop's address, like https://shop.example.com", value_proc=_read(store_url))
    id_ = typer.prompt("A short name for it, for commands and logs", default="shop", value_proc=_read(_id))
    typer.echo("\nIts API key: make one in WooCommerce → Settings → Advanced → REST API, with Read/Write.")
    key = typer.prompt("Consumer key (ck_…; not shown as you type)", hide_input=True, value_proc=_read(_filled))
    secret = typer.prompt("Consumer secret (cs_…; not shown as you type)", hide_input=True, value_proc=_read(_filled))
    typer.echo()
    zone = typer.prompt("The shop's time zone", default=_zone_here(), value_proc=_read(_zone))
    locale = typer.prompt(
        "The language of messages to customers, like en or he", default="en", value_proc=_read(_locale)
    )
    days = typer.prompt("On which days is somebody there", default=_days_in(zone), value_proc=_read(_days))
    hours = typer.prompt("At what hours", default="09:00-18:00", value_proc=_read(_hours))
    typer.echo()
    return Answers(id_, url, key, secret, zone, locale, days, hours)


def _read(parse: Callable[[str], str]) -> Callable[[str], str]:
    """Asks again, with the reason, where an answer cannot be."""

    def read(answer: str) -> str:
        try:
            return parse(answer.strip())
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return read


def _id(text: str) -> str:
    if not (
        text.isascii() and text.replace("-", "").replace("_", "").isalnum() and text[0].isalnum() and len(text) < 65
    ):
        raise ValueError("letters, digits and dashes only, like my-shop")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("a key is needed")
    return text


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{text}'; write one like Asia/Jerusalem or Europe/Berlin") from None


def _locale(text: str) -> str:
    try:
        Locale.parse(text, sep="-")
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"there is no language '{text}'; write its code, like en or he") from None
    return text


def _days(text: str) -> str:
    parse_business_hours({text: "09:00-18:00"})
    return text


def _hours(text: str) -> str:
    parse_business_hours({"mon": text})
    return text


def _zone_here() -> str:
    """This machine's zone, by name; UTC if it does not tell."""
    return str(getattr(LOCALTZ, "key", None) or getattr(LOCALTZ, "zone", None) or "UTC")


def _days_in(zone: str) -> str:
    return "sun-thu" if zone == "Asia/Jerusalem" else "mon-fri"


# Files --------------------------------------------------------------------------------------------------------


def _write(file: Path, answers: Answers) -> tuple[list[Path], list[Path]]:
    """Write what is not there yet: (written, kept as they were). The config holds the key: its owner's alone."""
    texts = {
        file.parent / "rules" / "starter.yaml": _starter("rules.yaml"),
        **{
            file.parent / "templates" / "how-was-it" / f"{locale}.md": _starter(f"how-was-it/{locale}.md")
            for locale in ("en", "he", "ar", "ru")
        },
        file: _config(answers),
    }
    written: list[Path] = []
    kept: list[Path] = []
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if path == file else 0o644)
        except FileExistsError:
            kept.append(path)
            continue
        with open(handle, "w", encoding="utf-8") as out:
            out.write(text)
        written.append(path)
    return written, kept


def _starter(name: str) -> str:
    return (STARTER / name).read_text(encoding="utf-8")


def _config(answers: Answers) -> str:
    """The template with the answers in it, each as YAML takes it whatever is in it."""
    text = _starter("config.yaml")
    for name in Answers.__dataclass_fields__:
        text = text.replace(f"<{name}>", json.dumps(getattr(answers, name), ensure_ascii=False))
    return text


def _tell(file: Path, written: list[Path], kept: list[Path], *, asked: bool) -> None:
    screen = console()
    for path in written:
        screen.print(f"wrote {shown(path)}")
    for path in kept:
        screen.print(f"kept  {shown(path)}, as it was")
    option = "" if file == CONFIG else f" -c {shown(file)}"
    if not asked:
        screen.print(f"\nNow put your shop's address and key into {shown(file)}. Then:")
    else:
        screen.print("\nNow:")
    screen.print(f"  aftersale{option} check --online    is everything right?", soft_wrap=True)
    screen.print(f"  aftersale{option} run --once        the first run only looks: it sends nothing", soft_wrap=True)
