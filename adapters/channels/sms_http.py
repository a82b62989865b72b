"""Text messages through any gateway that takes an HTTP request, as config.yaml describes it.

See `adapters.channels.registry` for what the names here mean. What is not clearly a success, nor clearly a refusal,
is an unknown outcome.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Self
from urllib.parse import urlencode, urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from adapters.channels.base import Channel, Message, findings
from adapters.channels.keys import Key
from adapters.errors import Rejected, UnknownOutcome, Unsupported
from adapters.model import Finding, Order
from adapters.urls import safe_url

if TYPE_CHECKING:
    from adapters.channels.wire import Wire
    from adapters.http import Answer

NAMES = ("to", "digits", "text", "key")
_PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_HEADER = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")


def _url(url: SecretStr) -> SecretStr:
    return SecretStr(safe_url(url.get_secret_value()))


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _template(field: SecretStr) -> SecretStr:
    for name in _PLACE.findall(field.get_secret_value()):
        if name not in NAMES:
            raise ValueError(f"there is no {{{{ {name} }}}} here; there is {', '.join(NAMES)}")
    return field


def _headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    for name in headers:
        if not _HEADER.match(name) or name.lower() in ("content-type", "content-length", "host"):
            raise ValueError(f"'{name}' cannot be set as a header")
    return headers


Text = Annotated[str, BeforeValidator(_text)]
Template = Annotated[SecretStr, BeforeValidator(_text), AfterValidator(_template)]


class Signs(BaseModel):
    """What an answer of 2xx looks like; all that is given has to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    status: Annotated[int | None, Field(ge=200, le=299, description="The HTTP status")] = None
    contains: Annotated[str | None, Field(min_length=1, description="A text that stands in the answer")] = None
    json_: Annotated[
        dict[str, Text] | None,
        Field(alias="json", min_length=1, description="Values in the JSON answer, by path: `messages.0.status: ok`"),
    ] = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.status is None and self.contains is None and self.json_ is None:
            raise ValueError("write 'status', 'contains' or 'json', or several of them")
        return self

    def hold(self, answer: Answer) -> bool:
        """Whether an answer looks like this."""
        return (
            answer.status < 300
            and self.status in (None, answer.status)
            and (self.contains is None or self.contains in answer.body.decode("utf-8", "replace"))
            and all(_at(path, answer) == value for path, value in (self.json_ or {}).items())
        )


class Settings(BaseModel):
    """The keys of `sms: { type: http }` in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[SecretStr, AfterValidator(_url), Field(description="Where the gateway takes messages; https")]
    method: Annotated[Literal["POST", "PUT"], Field(description="The HTTP method")] = "POST"
    format: Annotated[Literal["form", "json"], Field(description="How the fields are sent")] = "form"
    headers: Annotated[dict[str, Key], AfterValidator(_headers), Field(description="Sent with each request")] = {}
    fields_: Annotated[
        dict[str, Template],
        Field(
            alias="fields",
            description="What is sent; {{ to }} is the number (+97250…), {{ digits }} the same without its +, "
            "{{ text }} the message, {{ key }} its identity",
        ),
    ]
    success: Annotated[Signs, Field(description="How an answer looks that takes the message")]
    refused: Annotated[
        Signs | None, Field(description="How one looks that refuses it, where its status is not 4xx")
    ] = None
    id: Annotated[str | None, Field(description="The path in the JSON answer where the message's id stands")] = None

    @model_validator(mode="after")
    def _says_what_to_whom(self) -> Self:
        named = {name for field in self.fields_.values() for name in _PLACE.findall(field.get_secret_value())}
        if "text" not in named or named.isdisjoint(("to", "digits")):
            raise ValueError("`fields` must hold {{ to }} (or {{ digits }}) and {{ text }}")
        return self


def create(settings: Settings, *, timeout: float, clock: Callable[[], datetime]) -> Channel:
    """Text messages through one gateway; nothing is asked of it yet."""
    from adapters.channels.wire import Wire

    url = settings.url.get_secret_value()
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    who = f"the SMS gateway at {urlsplit(url).hostname}"
    return Gateway(settings, Wire(url, who, headers, timeout=timeout, clock=clock))


class Gateway:
    """A `Channel`."""

    name = "sms"

    def __init__(self, settings: Settings, wire: Wire) -> None:
        self._settings = settings
        self._wire = wire

    def reach(self, order: Order) -> str:
        from adapters.channels.phone import phone_of

        return phone_of(order, takes_texts=True)

    def send(self, message: Message) -> str:
        from adapters.channels.wire import FORM, JSON, UNSETTLED

        settings = self._settings
        fields = _filled(settings.fields_, message)
        as_json = settings.format == "json"
        body = msgspec.json.encode(fields) if as_json else urlencode(fields).encode()
        answer = self._wire.send(settings.method, "", body, JSON if as_json else FORM)
        if answer.status >= 300:
            raise self._wire.refusal(answer)
        taken = settings.success.hold(answer)
        refused = settings.refused is not None and settings.refused.hold(answer)
        if refused and not taken:
            raise Rejected(f"{self._wire.who} answered as it does when it refuses a message.")
        if refused or not taken:
            said = f"{self._wire.who} answered {answer.status}, but not as `success` has it"
            raise UnknownOutcome(f"{said}. {UNSETTLED}")
        return (_at(settings.id, answer) if settings.id is not None else None) or message.key

    def find(self, message: Message, since: datetime, credited: Collection[str]) -> NoReturn:
        raise Unsupported("the SMS gateway does not tell which messages it was given.")

    def check(self) -> tuple[Finding, ...]:
        """Only whether the gateway is there: to log in is to send."""
        return findings(self._wire.knock)

    def close(self) -> None:
        self._wire.close()


def _filled(fields: Mapping[str, SecretStr], message: Message) -> dict[str, str]:
    values = {"to": message.to, "digits": message.to.removeprefix("+"), "text": message.text, "key": message.key}
    return {
        name: _PLACE.sub(lambda place: values[place[1]], template.get_secret_value())
        for name, template in fields.items()
    }


def _at(path: str, answer: Answer) -> str | None:
    """What stands at a path in a JSON answer, as text; None where there is no scalar."""
    from adapters.channels.wire import decoded

    found: Any = decoded(answer)
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found) if isinstance(found, str | int | float) else None
