"""The page around a message in our own mail: the shop's name or logo, its colour, a footer; in light and dark.

Pure but for `layout.html`, which is read once. Its styles stand in the head: whoever sends the mail puts them into
the tags (css-inline), and keeps those for dark screens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from rules.locales import fallbacks, is_right_to_left


@dataclass(frozen=True, slots=True)
class Brand:
    """How a shop's mail looks. `logo` is the https address of a picture, `colour` is #rrggbb, and `address` the line
    at the bottom that says where the shop is.
    """

    logo: str | None = None
    colour: str = "#3d4f7c"
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one mail says. `body` is HTML that is safe; all else is text. `signed_by` is None if the body is signed."""

    body: str
    subject: str
    preview: str
    locale: str
    shop: str
    shop_url: str | None = None
    signed_by: str | None = None
    unsubscribe: str | None = None


def parse_colour(text: str) -> str:
    """`#0a6` or `#00aa66` as `#00aa66`. Raises ValueError with a sentence for people."""
    found = re.fullmatch(r"#(?:([0-9a-f]{3})|([0-9a-f]{6}))", text.strip().lower())
    if found is None:
        raise ValueError("write a colour such as '#0a6' or '#00aa66', in quotes")
    return f"#{found[2]}" if found[2] else "#" + "".join(digit * 2 for digit in found[1])


def parse_logo(text: str) -> str:
    """The address of a picture, checked. Raises ValueError with a sentence for people."""
    parts = urlsplit(text.strip())
    if parts.scheme != "https" or not parts.hostname or re.search(r"[\s\"'<>]", text.strip()):
        raise ValueError("write the address of a picture that anybody can see, beginning with https://")
    return text.strip()


def page(written: Page, brand: Brand) -> str:
    """The whole HTML page of a mail."""
    right_to_left = is_right_to_left(written.locale)
    return _template().render(
        **_colours(brand.colour),
        lang="-".join(fallbacks(written.locale)[:1]) or "en",
        dir="rtl" if right_to_left else "ltr",
        start="right" if right_to_left else "left",
        subject=written.subject,
        preview=written.preview,
        filling=_FILLING,
        shop=written.shop,
        shop_url=written.shop_url,
        logo=brand.logo,
        address=brand.address,
        body=Markup(_LONE_LINK.sub(r'<p class="button">\1</p>', written.body)),  # noqa: S704 (safe: see Page)
        signed_by=written.signed_by,
        unsubscribe=written.unsubscribe,
        unsubscribe_word=unsubscribe_word(written.locale),
    )


_LONE_LINK = re.compile(r"<p>(<a [^>]*>(?:(?!</a>|<img).)*</a>)</p>", re.DOTALL)
"""A paragraph that is a link and nothing else is shown as a button."""

_FILLING = "\u034f\u200c\u00a0" * 60
"""Invisible: keeps the body's own beginning out of the preview in a list of mails."""


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string((files("rules") / "layout.html").read_text(encoding="utf-8"))


# --- fixed words --------------------------------------------------------------------------------------------

_UNSUBSCRIBE = {
    "ar": "إلغاء الاشتراك",
    "bg": "Отписване",
    "cs": "Odhlásit odběr",
    "da": "Afmeld",
    "de": "Abbestellen",
    "el": "Διαγραφή",
    "en": "Unsubscribe",
    "es": "Darse de baja",
    "fi": "Peruuta tilaus",
    "fr": "Se désinscrire",
    "he": "להסרה מרשימת התפוצה",
    "hu": "Leiratkozás",
    "it": "Annulla iscrizione",
    "nl": "Afmelden",
    "no": "Meld deg av",
    "nb": "Meld deg av",
    "pl": "Wypisz się",
    "pt": "Cancelar inscrição",
    "ro": "Dezabonare",
    "ru": "Отписаться",
    "sv": "Avsluta prenumeration",
    "tr": "Abonelikten çık",
    "uk": "Відписатися",
}


def unsubscribe_word(locale: str) -> str:
    """What the link to unsubscribe says; English in a language that it is not known in."""
    return next((_UNSUBSCRIBE[each] for each in fallbacks(locale) if each in _UNSUBSCRIBE), _UNSUBSCRIBE["en"])


# --- colours ------------------------------------------------------------------------------------------------

_READABLE = 4.5
"""The least contrast of text on its ground, by WCAG 2 (AA)."""
_READABLE_IN_THE_DARK = 7.0
_VISIBLE = 1.3

_LIGHT = {"paper": "#f3f4f6", "card": "#ffffff", "ink": "#1f2328", "faint": "#5b626b", "line": "#d6dade"}
_DARK = {"paper": "#101214", "card": "#1b1e22", "ink": "#e8eaed", "faint": "#a3abb5", "line": "#3b4148"}


@lru_cache(maxsize=256)
def _colours(brand: str) -> dict[str, str]:
    """All colours of a page: the shop's own where it is the ground, and made readable where it is text."""
    darkened, lightened = readable(brand, _LIGHT["card"]), readable(brand, _DARK["card"], _READABLE_IN_THE_DARK)
    edge = brand if contrast(brand, _LIGHT["card"]) >= _VISIBLE else _LIGHT["line"]
    own = {"bar": edge, "button": brand, "edge": edge, "on_button": text_on(brand), "link": darkened}
    dark = {"bar": lightened, "button": lightened, "link": lightened}
    dark_own = {f"dark_{name}": colour for name, colour in {**_DARK, **dark}.items()}
    return {**_LIGHT, **own, **dark_own, "on_dark_button": text_on(lightened)}


def contrast(one: str, other: str) -> float:
    """How well one colour is told from another: 1 (not at all) to 21, by WCAG 2."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def text_on(ground: str) -> str:
    """White where it can be read on this ground, else black: one of them always can."""
    return "#ffffff" if contrast("#ffffff", ground) >= _READABLE else "#000000"


def readable(colour: str, ground: str, least: float = _READABLE) -> str:
    """The colour, as much darker or lighter as it takes to be read on this ground: a contrast of `least`."""
    towards = "#000000" if _luminance(ground) > 0.5 else "#ffffff"
    mixes = (_mixed(colour, towards, step / 20) for step in range(20))
    return next((mixed for mixed in mixes if contrast(mixed, ground) >= least), towards)


def _mixed(one: str, other: str, share: float) -> str:
    parts = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(value / 255) for value in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
