"""WhatsApp through Meta's Cloud API. See `adapters.channels.registry` for what the names here mean.

A shop may not write to a customer of its own accord but in a template that Meta approved: text goes out only as a
template's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.channels.base import Channel, Message, OptedOut, PutOff, findings
from adapters.channels.keys import Key
from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome, Unsupported
from adapters.model import Finding, Order

if TYPE_CHECKING:
    from adapters.channels.wire import Wire
    from adapters.http import Answer

API = "https://graph.facebook.com"

# https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
# What is in none of these is judged by its status.
DENIED = {0, 3, 10, 33, 190, *range(200, 300), 368, 131005, 131030, 131031, 131042, 131045, 133010}
SLOW_DOWN = {4, 80007, 130429, 131048}
ONE_CUSTOMER_TOO_OFTEN = {131049, 131056}
DOWN_FOR_NOW = {131057, 133004}
OPTED_OUT = {131050}
NOT_ON_WHATSAPP = {131026}
WRONG_TEMPLATE = range(132000, 133000)
UNCLEAR = {1, 2, 131000, 131016}


def _url(url: str) -> str:
    from adapters.urls import store_url

    return store_url(url)


class Settings(BaseModel):
    """The keys of `whatsapp: { type: cloud }` in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    phone_number_id: Annotated[
        str, Field(pattern=r"^[0-9]{5,20}$", description="The id that Meta gives to your number, not the number itself")
    ]
    access_token: Annotated[Key, Field(description="A permanent token of a system user")]
    api_version: Annotated[
        str, Field(pattern=r"^v[0-9]{2,3}\.[0-9]$", description="The version of Meta's Graph API, like v23.0")
    ]
    url: Annotated[str, AfterValidator(_url), Field(description="Where the API is")] = API


def create(settings: Settings, *, timeout: float, clock: Callable[[], datetime]) -> Channel:
    """WhatsApp from one business number; nothing is asked of it yet."""
    from adapters.channels.wire import Wire

    headers = {"Authorization": f"Bearer {settings.access_token.get_secret_value()}"}
    number = f"/{settings.api_version}/{settings.phone_number_id}"
    return WhatsApp(number, Wire(settings.url, "WhatsApp", headers, timeout=timeout, clock=clock))


class WhatsApp:
    """A `Channel`."""

    name = "whatsapp"

    def __init__(self, number: str, wire: Wire) -> None:
        self._number = number
        self._wire = wire

    def reach(self, order: Order) -> str:
        from adapters.channels.phone import phone_of

        return phone_of(order, takes_texts=False)

    def send(self, message: Message) -> str:
        from adapters.channels.wire import JSON, UNSETTLED, decoded

        body = msgspec.json.encode(_payload(message))
        answer = self._wire.send("POST", f"{self._number}/messages", body, JSON)
        said = decoded(answer)
        if answer.status >= 300:
            raise self._refusal(answer, said)
        match said:
            case {"messages": [{"id": str(wamid)}, *_]} if wamid:
                return wamid
        raise UnknownOutcome(f"WhatsApp answered {answer.status}, with nothing that names a message. {UNSETTLED}")

    def find(self, message: Message, since: datetime, credited: Collection[str]) -> NoReturn:
        raise Unsupported("WhatsApp does not tell which messages it was given.")

    def check(self) -> tuple[Finding, ...]:
        return findings(self._log_in)

    def close(self) -> None:
        self._wire.close()

    def _log_in(self) -> None:
        from adapters.channels.wire import decoded

        number = decoded(self._wire.ask(f"{self._number}?fields=id"))
        if not isinstance(number, dict) or "id" not in number:
            raise Unavailable("WhatsApp's answer is no phone number: is something else at `url`?")

    def _refusal(self, answer: Answer, said: Any) -> AdapterError:
        by_status = self._wire.refusal(answer)
        match said:
            case {"error": {"code": int(code)}} if not isinstance(by_status, UnknownOutcome):
                return self._error_by_code(code, answer, by_status)
        return by_status

    def _error_by_code(self, code: int, answer: Answer, by_status: AdapterError) -> AdapterError:
        told = f"WhatsApp refuses, with error {code}"
        patience = self._wire.patience(answer)
        known: list[tuple[Collection[int], AdapterError]] = [
            (DENIED, AuthFailed(f"{told}: check the token, its rights, and the account in Meta's Business Manager.")),
            (SLOW_DOWN, RateLimited(f"{told}: too many messages. Aftersale slows down by itself.", patience)),
            (ONE_CUSTOMER_TOO_OFTEN, PutOff(f"{told}: this customer had too many messages just now.", patience)),
            (DOWN_FOR_NOW, Unavailable(f"{told}: it is under maintenance.", patience)),
            (OPTED_OUT, OptedOut(f"{told}: the customer wants no marketing messages.")),
            (NOT_ON_WHATSAPP, Rejected(f"{told}: the number is not on WhatsApp, or cannot get this.")),
            (
                WRONG_TEMPLATE,
                Rejected(f"{told}: the template is not approved in this language, or takes other values."),
            ),
            (UNCLEAR, UnknownOutcome(f"WhatsApp has a fault of its own, error {code}.")),
        ]
        for codes, error in known:
            if code in codes:
                return error
        if isinstance(by_status, Rejected):
            return Rejected(f"{told}: Meta's list of error codes says why.")
        return by_status


def _payload(message: Message) -> dict[str, Any]:
    """Raises Rejected for a message that WhatsApp could only refuse."""
    if message.template is None:
        raise Rejected("WhatsApp takes no free text: the template's `whatsapp` names none that Meta has approved.")
    # Meta refuses values with line breaks or long gaps, and empty ones.
    values = [" ".join(value.split()) for value in message.parameters]
    if not all(values):
        raise Rejected(f"the WhatsApp template's value number {values.index('') + 1} is empty for this customer.")
    template: dict[str, Any] = {"name": message.template, "language": {"code": message.locale.replace("-", "_")}}
    if values:
        template["components"] = [{"type": "body", "parameters": [{"type": "text", "text": each} for each in values]}]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.to,
        "type": "template",
        "template": template,
        "biz_opaque_callback_data": message.key,
    }
