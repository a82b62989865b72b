"""Begin with a shop of yours: writes config.yaml, starter rules, and tests of them.

It asks on which platform your shop is, and a few questions more. Nothing that is there already is overwritten.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from babel import Locale, UnknownLocaleError
from babel.dates import LOCALTZ

from adapters.shopify.access import shop_url
from adapters.shopify.site import READS, WRITES
from adapters.urls import store_url
from connector.cli._exits import Exit, Stop, Trouble
from connector.cli._options import CONFIG, ConfigPath
from connector.cli._screen import console
from connector.config import shown
from rules.timing import parse_business_hours

STARTER = resources.files("connector") / "starter"
"""The files that a new shop begins with."""


SCOPES = ("read_orders", *READS, *sorted(set(WRITES.values())))
"""What a Shopify app is to be granted."""

LATER = {"consumer_key": "ck_put_your_key_here", "consumer_secret": "cs_put_your_secret_here"}
"""What stands in for a shop's keys where nobody is there to answer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked, or the defaults where nobody is there to answer. `settings` are the platform's own keys."""

    platform: str = "woocommerce"
    id: str = "shop"
    url: str = "https://shop.example.com"
    settings: Mapping[str, str] = field(default_factory=lambda: LATER)
    zone: str = "UTC"
    locale: str = "en"
    days: str = "mon-fri"
    hours: str = "09:00-18:00"

    @property
    def variables(self) -> list[str]:
        """The environment variables that the settings name."""
        return [value[2:-1] for value in self.settings.values() if value.startswith("${")]


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
    _tell(file, written, kept, answers if asked else None)
    return Exit.WELL


# Questions ----------------------------------------------------------------------------------------------------


def _ask() -> Answers:
    typer.echo("A few questions about your shop. Enter takes what stands in brackets.\n")
    platform = typer.prompt("Its platform, woocommerce or shopify", default="woocommerce", value_proc=_read(_platform))
    example, parse = _ADDRESSES[platform]
    url = typer.prompt(f"The shop's address, like {example}", value_proc=_read(parse))
    id_ = typer.prompt("A short name for it, for commands and logs", default="shop", value_proc=_read(_id))
    typer.echo()
    settings = _ASKED[platform](id_)
    typer.echo()
    zone = typer.prompt("The shop's time zone", default=_zone_here(), value_proc=_read(_zone))
    locale = typer.prompt(
        "The language of messages to customers, like en or he", default="en", value_proc=_read(_locale)
    )
    days = typer.prompt("On which days is somebody there", default=_days_in(zone), value_proc=_read(_days))
    hours = typer.prompt("At what hours", default="09:00-18:00", value_proc=_read(_hours))
    typer.echo()
    return Answers(platform, id_, url, settings, zone, locale, days, hours)


def _of_woocommerce(id_: str) -> dict[str, str]:
    typer.echo("Its API key: make one in WooCommerce → Settings → Advanced → REST API, with Read/Write.")
    return {
        "consumer_key": _secret("Consumer key, ck_…", id_, "WC_KEY"),
        "consumer_secret": _secret("Consumer secret, cs_…", id_, "WC_SECRET"),
    }


def _of_shopify(id_: str) -> dict[str, str]:
    typer.echo(
        "The way in: an app of yours from Shopify's Dev Dashboard, installed on the shop, with the scopes\n"
        f"  {', '.join(SCOPES)}\n"
        "and access to protected customer data. A custom app made in the shop's admin before 2026 has a token instead."
    )
    way = typer.prompt("Which is yours, app or token", default="app", value_proc=_read(_one_of("app", "token")))
    settings = (
        {"access_token": _secret("Access token, shpat_…", id_, "TOKEN")}
        if way == "token"
        else {
            "client_id": _secret("Client id", id_, "CLIENT_ID"),
            "client_secret": _secret("Client secret, shpss_…", id_, "CLIENT_SECRET"),
        }
    )
    typer.echo(
        "\nShopify has no messages that an app may simply send. They can go out as invoice e-mails (invoice), through\n"
        "a workflow of yours in Shopify Flow (flow), or not at all (off); notes and tags are written in any case."
    )
    ways = _one_of("off", "invoice", "flow")
    settings["platform_messages"] = typer.prompt("Which is it to be", default="off", value_proc=_read(ways))
    if settings["platform_messages"] == "flow":
        trigger = "The handle of your app's Flow trigger"
        settings["flow_trigger"] = typer.prompt(trigger, value_proc=_read(_filled))
    return settings


def _secret(question: str, id_: str, name: str) -> str:
    """What was typed; or, if that is nothing, the environment variable that it is to be taken from."""
    variable = f"{re.sub('[^A-Z0-9]', '_', id_.upper())}_{name}"
    question += f" (not shown as you type; empty: taken from ${variable})"
    return typer.prompt(question, default="", show_default=False, hide_input=True).strip() or f"${{{variable}}}"


def _read(parse: Callable[[str], str]) -> Callable[[str], str]:
    """Asks again, with the reason, where an answer cannot be."""

    def read(answer: str) -> str:
        try:
            return parse(answer.strip())
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.casefold() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text.casefold()

    return parse


def _id(text: str) -> str:
    if not (
        text.isascii() and text.replace("-", "").replace("_", "").isalnum() and text[0].isalnum() and len(text) < 65
    ):
        raise ValueError("letters, digits and dashes only, like my-shop")
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError("it is needed")
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


_platform = _one_of("woocommerce", "shopify")
_ADDRESSES: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "woocommerce": ("https://shop.example.com", store_url),
    "shopify": ("https://my-shop.myshopify.com", shop_url),
}
_ASKED: Mapping[str, Callable[[str], dict[str, str]]] = {"woocommerce": _of_woocommerce, "shopify": _of_shopify}


# Files --------------------------------------------------------------------------------------------------------


def _write(file: Path, answers: Answers) -> tuple[list[Path], list[Path]]:
    """Write what is not there yet: (written, kept as they were). The config holds the key: its owner's alone."""
    texts = {
        file.parent / "rules" / "starter.yaml": _starter(f"rules/{answers.platform}.yaml"),
        file.parent / "rules" / "tests" / "starter.yaml": _starter(f"tests/{answers.platform}.yaml"),
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
    settings = "\n    ".join(f"{key}: {_quoted(value)}" for key, value in answers.settings.items())
    for name in ("platform", "id", "url", "zone", "locale", "days", "hours"):
        text = text.replace(f"<{name}>", _quoted(getattr(answers, name)))
    return text.replace("<settings>", settings)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _tell(file: Path, written: list[Path], kept: list[Path], asked: Answers | None) -> None:
    screen = console()
    for path in written:
        screen.print(f"wrote {shown(path)}")
    for path in kept:
        screen.print(f"kept  {shown(path)}, as it was")
    option = "" if file == CONFIG else f" -c {shown(file)}"
    if asked is None:
        screen.print(f"\nNow put your shop's address and key into {shown(file)}. Then:")
    elif asked.variables:
        screen.print(f"\nNow set {' and '.join(asked.variables)} in the environment. Then:", soft_wrap=True)
    else:
        screen.print("\nNow:")
    screen.print(f"  aftersale{option} check --online    is everything right?", soft_wrap=True)
    screen.print(f"  aftersale{option} test              do the rules do what they should?", soft_wrap=True)
    screen.print(f"  aftersale{option} run --once        the first run only looks: it sends nothing", soft_wrap=True)
