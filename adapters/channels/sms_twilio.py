"""Text messages through Twilio's REST API. See `adapters.channels.registry` for what the names here mean."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from adapters.channels.base import BadAddress, Channel, Message, OptedOut, findings
from adapters.channels.keys import Key
from adapters.errors import AdapterError, AuthFailed, RateLimited, Rejected, Unavailable, UnknownOutcome, Unsupported
from adapters.model import Finding, Order

if TYPE_CHECKING:
    from adapters.channels.wire import Wire
    from adapters.http import Answer

API = "https://api.twilio.com"
PAGE = 1000
CLOCKS_APART = timedelta(minutes=1)
"""By how much our clock may be ahead of Twilio's, whose times are in whole seconds besides."""

# https://www.twilio.com/docs/api/errors; what is in none of these is judged by its status.
BAD_NUMBER = {21211, 21217, 21265, 21614, 21635, 21665}
UNREACHABLE_NUMBER = {21214, 21408, 21612}
OPTED_OUT = {21610}
SLOW_DOWN = {14107, 20429, 21611}
MISCONFIGURED = {20003, 21212, 21603, 21606, 21608, 21659, 21660, 21661, 21703, 21704, 21705, 90010}


def _url(url: str) -> str:
    from adapters.urls import store_url

    return store_url(url)


class Settings(BaseModel):
    """The keys of `sms: { type: twilio }` in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$", description="The account's SID, AC…")]
    auth_token: Annotated[Key, Field(description="The account's auth token, or the secret of `api_key`")]
    api_key: Annotated[
        str | None,
        Field(pattern=r"^SK[0-9a-fA-F]{32}$", description="The SID of an API key, SK…, in place of the account's own"),
    ] = None
    from_: Annotated[
        str | None,
        Field(
            alias="from",
            pattern=r"^(\+[1-9][0-9]{4,14}|[0-9]{3,8}|[A-Za-z0-9 &_-][A-Za-z0-9 &+_-]{0,10})$",
            description="The number (+15005550006), or the name, that messages come from",
        ),
    ] = None
    messaging_service_sid: Annotated[
        str | None, Field(pattern=r"^MG[0-9a-fA-F]{32}$", description="The messaging service to send by, MG…")
    ] = None
    url: Annotated[str, AfterValidator(_url), Field(description="Where the API is")] = API

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if (self.from_ is None) == (self.messaging_service_sid is None):
            raise ValueError("write either 'from' or 'messaging_service_sid'")
        return self


def create(settings: Settings, *, timeout: float, clock: Callable[[], datetime]) -> Channel:
    """Text messages through one Twilio account; nothing is asked of it yet."""
    from adapters.channels.wire import Wire

    user = settings.api_key or settings.account_sid
    credentials = b64encode(f"{user}:{settings.auth_token.get_secret_value()}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    return Twilio(settings, Wire(settings.url, "Twilio", headers, timeout=timeout, clock=clock))


class Twilio:
    """A `Channel`. Twilio knows no key that would tell one message from another: they are told by number and text."""

    name = "sms"

    def __init__(self, settings: Settings, wire: Wire) -> None:
        self._account = f"/2010-04-01/Accounts/{settings.account_sid}"
        self._wire = wire
        self._service = settings.messaging_service_sid
        self._sender = {"From": settings.from_} if self._service is None else {"MessagingServiceSid": self._service}

    def reach(self, order: Order) -> str:
        from adapters.channels.phone import phone_of

        return phone_of(order, takes_texts=True)

    def send(self, message: Message) -> str:
        from adapters.channels.wire import FORM, UNSETTLED, decoded

        form = {"To": message.to, "Body": message.text, **self._sender}
        answer = self._wire.send("POST", f"{self._account}/Messages.json", urlencode(form).encode(), FORM)
        said = decoded(answer)
        if answer.status >= 300:
            raise self._refusal(answer, said)
        if isinstance(said, dict) and isinstance(sid := said.get("sid"), str) and sid:
            return sid
        raise UnknownOutcome(f"Twilio answered {answer.status}, with nothing that names a message. {UNSETTLED}")

    def find(self, message: Message, since: datetime, credited: Collection[str]) -> str | None:
        strange = False
        for sid, body in self._sent_to(message.to, since - CLOCKS_APART):
            if sid in credited:
                continue
            if body == message.text:
                return sid
            strange = True
        if strange and self._service is not None:
            # A messaging service may replace characters, so what reads otherwise may still be ours.
            raise Unsupported("Twilio was sending this customer other texts just then, and this may be one of them.")
        return None

    def check(self) -> tuple[Finding, ...]:
        return findings(self._log_in)

    def close(self) -> None:
        self._wire.close()

    def _log_in(self) -> None:
        from adapters.channels.wire import decoded

        account = decoded(self._wire.ask(f"{self._account}.json"))
        if not isinstance(account, dict) or "status" not in account:
            raise Unavailable("Twilio's answer is no account: is something else at `url`?")
        if account["status"] != "active":
            raise AuthFailed("the Twilio account is suspended or closed. Log in at twilio.com to see why.")

    def _sent_to(self, number: str, since: datetime) -> Iterator[tuple[str, str]]:
        """SID and body of each message to a number. Not filtered by DateSent: what is queued still has none."""
        from adapters.channels.wire import decoded

        path: object = f"{self._account}/Messages.json?{urlencode({'To': number, 'PageSize': PAGE})}"
        while isinstance(path, str) and path.startswith(f"{self._account}/Messages.json?"):
            page = decoded(self._wire.ask(path))
            if not isinstance(page, dict) or not isinstance(page.get("messages"), list):
                raise Unavailable("Twilio's answer is no list of messages.")
            for raw in page["messages"]:
                sid, body, created_at = _read(raw)
                if created_at >= since:
                    yield sid, body
            path = page.get("next_page_uri")

    def _refusal(self, answer: Answer, said: Any) -> AdapterError:
        code = said.get("code") if isinstance(said, dict) else None
        by_status = self._wire.refusal(answer)
        if not isinstance(code, int) or isinstance(by_status, UnknownOutcome):
            return by_status
        told = f"Twilio refuses, with error {code}"
        if code in BAD_NUMBER:
            return BadAddress(f"{told}: the number does not exist, or takes no text messages.")
        if code in OPTED_OUT:
            return OptedOut(f"{told}: the customer has answered STOP.")
        if code in UNREACHABLE_NUMBER:
            return Rejected(f"{told}: this account cannot send to the number's country or network.")
        if code in SLOW_DOWN:
            return RateLimited(f"{told}: too many messages at once.", self._wire.patience(answer))
        if code in MISCONFIGURED:
            return AuthFailed(f"{told}: see twilio.com/docs/api/errors/{code} for what to set right.")
        if isinstance(by_status, Rejected):
            return Rejected(f"{told}: twilio.com/docs/api/errors/{code} says why.")
        return by_status


def _read(raw: Any) -> tuple[str, str, datetime]:
    """A listed message's SID, body and time of creation. Raises Unavailable: nothing is concluded from nonsense."""
    from adapters.http import http_date

    if isinstance(raw, dict):
        sid, body, created_at = raw.get("sid"), raw.get("body"), raw.get("date_created")
        if isinstance(sid, str) and isinstance(body, str) and isinstance(created_at, str):
            at = http_date(created_at)
            if at is not None:
                return sid, body, at.astimezone(UTC)
    raise Unavailable("Twilio lists a message that has no SID, body or date.")
