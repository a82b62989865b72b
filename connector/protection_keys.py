"""What the config's keys that protect customers, and those of a shop's looks, may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from adapters.channels.webhook import SHORTEST_SECRET
from rules.layout import Brand, parse_colour, parse_logo
from rules.protection import Cap, leaves_time, parse_cap
from rules.timing import Window, parse_window

MAIL = "email"


def _quiet(text: object) -> Window:
    window = parse_window(str(text))
    if not leaves_time(window):
        raise ValueError("all day is quiet: leave some hours in which messages may go out")
    return window


def _caps(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _soft_opt_in(value: object) -> Mapping[str, frozenset[str]]:
    """Countries, each with its channels; in a plain list, those who bought there may be mailed."""
    example = "write a list of countries, [IL, DE], or their channels, { IL: [email, sms] }"
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        value = {str(country): [MAIL] for country in value}
    if not isinstance(value, dict):
        raise ValueError(example)  # noqa: TRY004 (pydantic takes ValueErrors)
    found: dict[str, frozenset[str]] = {}
    for country, channels in value.items():
        names = [channels] if isinstance(channels, str) else channels
        if not isinstance(names, list) or not names:
            raise ValueError(example)
        found[_country(str(country))] = frozenset(map(str, names))
    return found


def _country(code: str) -> str:
    from babel.core import get_global

    if code.upper() not in get_global("territory_zones"):
        raise ValueError(f"'{code}' is no country: write its two letters, as in IL or DE")
    return code.upper()


def _unsubscribe(text: str) -> str:
    parts = urlsplit(text.strip())
    is_mail = parts.scheme == "mailto" and parts.path.count("@") == 1
    if not (is_mail or (parts.scheme == "https" and parts.hostname)) or any(sign.isspace() for sign in text.strip()):
        raise ValueError("write mailto:stop@shop.example.com, or an address that begins with https://")
    return text.strip()


def _webhook_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().strip()) < SHORTEST_SECRET:
        raise ValueError(f"must have {SHORTEST_SECRET} characters or more; `openssl rand -hex 32` makes a good one")
    return secret


Quiet = Annotated[Window, BeforeValidator(_quiet), WithJsonSchema({"type": "string", "examples": ["21:00-08:00"]})]
Caps = Annotated[
    tuple[Annotated[Cap, BeforeValidator(lambda text: parse_cap(str(text)))], ...],
    BeforeValidator(_caps),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]
SoftOptIn = Annotated[
    Mapping[str, frozenset[str]],
    BeforeValidator(_soft_opt_in),
    WithJsonSchema({"type": ["array", "object"], "items": {"type": "string"}}),
]
Unsubscribe = Annotated[str, AfterValidator(_unsubscribe)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]


class BrandKeys(BaseModel):
    """How the shop's mail looks."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    logo: Annotated[str, AfterValidator(parse_logo)] | None = None
    colour: Annotated[str, AfterValidator(parse_colour)] = Field(Brand().colour)
    address: str | None = None

    def as_brand(self) -> Brand:
        return Brand(self.logo, self.colour, self.address)
