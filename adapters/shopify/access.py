"""Where a Shopify store answers, and the token that opens it.

Every store has an access of its own. ShopifyAPI's activated session is never used: it belongs to the thread and the
class, so that one store's token would reach another.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
from msgspec import Struct

from adapters.errors import AdapterError, AuthFailed, RateLimited, Unavailable
from adapters.http import FORM, Answer, Http, Misconfigured
from adapters.urls import is_loopback, store_url
from adapters.watch import NOBODY, Watch

GRANT = "/admin/oauth/access_token"
HEADER = "X-Shopify-Access-Token"
MARGIN = timedelta(minutes=5)
"""A token is renewed so long before it ends, or for the last quarter of a very short life."""
ANOTHER_TRY = timedelta(minutes=1)
"""Between tries to renew a token that still holds."""


class Access(Protocol):
    """The token of one store, safe to use from several threads. Called, it signs a request.

    Each method may raise AuthFailed, RateLimited or Unavailable where a token has to be fetched.
    """

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest: ...

    def token(self) -> str:
        """A token that holds for some minutes more, as far as we know."""

    def renew(self, refused: str) -> bool:
        """Replace the token that the store refused, unless that is done; False where there is no way to."""

    def close(self) -> None:
        """Give back connections."""


class FixedToken:
    """The access token of a custom app, for good. Raises ValueError for one that cannot be."""

    def __init__(self, token: str) -> None:
        self._token = plain(token, "access_token")

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers[HEADER] = self._token
        return prepared

    def token(self) -> str:
        return self._token

    def renew(self, refused: str) -> bool:
        return False

    def close(self) -> None:
        """There is nothing to give back."""


class ClientCredentials:
    """The tokens that an app of the Dev Dashboard is granted for its id and secret, each for about a day.

    `timeout` is in seconds; `clock` tells aware UTC; `watch` is told of every answer. Raises ValueError for an id or
    secret that cannot be.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        timeout: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        watch: Watch = NOBODY,
    ) -> None:
        self._http = Http(shop_url(url), _unsigned, self._judge, timeout=timeout, clock=clock, sleep=sleep, watch=watch)
        self._question = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": plain(client_id, "client_id"),
                "client_secret": plain(client_secret, "client_secret"),
            }
        ).encode()
        self._clock = clock
        # Held while a token is fetched: who comes meanwhile waits for that one.
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = self._ends_at = clock()

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers[HEADER] = self.token()
        return prepared

    def token(self) -> str:
        with self._lock:
            now = self._clock()
            if now >= self._ends_at:
                self._fetch()
            elif now >= self._renew_at:
                try:
                    self._fetch()
                except (RateLimited, Unavailable):
                    self._renew_at = now + ANOTHER_TRY  # The token at hand still holds.
            return self._token

    def renew(self, refused: str) -> bool:
        with self._lock:
            if self._token == refused:
                self._fetch()
            return True

    def close(self) -> None:
        self._http.close()

    def _fetch(self) -> None:
        granted = self._http.patiently(lambda: self._granted(self._http.ask(GRANT, self._question, kind=FORM)))
        life = timedelta(seconds=granted.expires_in)
        self._token = granted.access_token
        self._ends_at = self._clock() + life
        self._renew_at = self._ends_at - min(MARGIN, life / 4)

    def _granted(self, answer: Answer) -> _Granted:
        try:
            granted = _GRANTED.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            granted = _Granted("")
        if not _is_plain(granted.access_token):
            raise Unavailable(f"{self._http.where} answered {answer.asked} with something else than a token.")
        return granted

    def _judge(self, answer: Answer) -> AdapterError | None:
        said = f"{self._http.where} grants no token"
        code = _oauth_code(answer.body)
        if code in _CURES:
            return AuthFailed(f"{said} ({code}): {_CURES[code]}")
        if answer.status == 404:
            return Misconfigured(f"{said}: Shopify knows no shop of this name. Check the store's `url`.")
        if answer.status in (400, 401, 403):
            return AuthFailed(f"{said} ({code or answer.status}): {_CURES['invalid_client']}")
        return closed_shop(answer, self._http.where)


_CURES = {
    "invalid_client": "client_id or client_secret is wrong, or was replaced. Copy both from the app's settings in the "
    "Dev Dashboard.",
    "application_cannot_be_found": "there is no app with this client_id. Copy it from the app's settings in the "
    "Dev Dashboard.",
    "app_not_installed": "the app is not installed on this shop. Install it from the Dev Dashboard.",
    "shop_not_permitted": "the app and the shop belong to different organisations. Make the app in the shop's own.",
}


class _Granted(Struct):
    access_token: str
    expires_in: float = 3600.0


_GRANTED = msgspec.json.Decoder(_Granted)


class _OauthProblem(Struct):
    error: str = ""


def endpoint(url: str, version: str) -> tuple[str, str]:
    """A store's address, and below it the path that answers GraphQL in an API version such as "2026-10".

    Raises ValueError, in words for a shop owner, for an address or a version that cannot be.
    """
    # Slow to import, and not needed to check an address.
    import shopify

    url = shop_url(url)
    host = urlsplit(url).hostname or ""
    try:
        session = shopify.Session(host, version)
    except (shopify.VersionNotFoundError, shopify.InvalidVersionError):
        raise ValueError("an API version is written like 2026-10") from None
    # The package makes <first word>.myshopify.com of every address, so this machine's are put together here.
    site: str = session.api_version.api_path(url) if is_loopback(host) else session.site
    return url, f"{site.removeprefix(url)}/graphql.json"


def shop_url(url: str) -> str:
    """The address of a Shopify store: https://<name>.myshopify.com, or one on this very machine.

    Raises ValueError, in words for a shop owner, for any other: it would be handed the token.
    """
    checked = store_url(url)
    parts = urlsplit(checked)
    host = parts.hostname or ""
    if is_loopback(host) and not parts.path:
        return checked
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*\.myshopify\.com", host) or parts.port or parts.path:
        raise ValueError(
            "write the shop's own address, like https://my-shop.myshopify.com (in Shopify under Settings → Domains)"
        )
    return checked


def plain(secret: str, name: str) -> str:
    """A token, id or secret without the blanks around it. Raises ValueError for one that cannot be."""
    stripped = secret.strip()
    if not _is_plain(stripped):
        raise ValueError(f"{name} is plain letters and digits, and not empty: copy it again")
    return stripped


def closed_shop(answer: Answer, where: str) -> AuthFailed | None:
    """What 402, 403 and 423 mean: that somebody has to do something before the store answers again."""
    match answer.status:
        case 402:
            why = "the shop is frozen. Its owner has to settle Shopify's bill or choose a plan."
        case 403:
            why = (
                "access denied. The app may lack a scope, or a firewall be in the way: check the app's scopes and "
                "installation in Shopify."
            )
        case 423:
            why = "Shopify has locked the shop. Its owner has to ask Shopify Support."
        case _:
            return None
    return AuthFailed(f"{where} answered {answer.status} to {answer.asked}: {why}")


def _is_plain(text: str) -> bool:
    return re.fullmatch(r"[!-~]+", text) is not None


def _oauth_code(body: bytes) -> str:
    """Shopify's code for what is wrong: in JSON, or in the middle of a web page."""
    try:
        code = msgspec.json.decode(body, type=_OauthProblem).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = re.search(rb"[Oo]auth error ([a-z_]{1,60})", body[:100_000])
        code = found[1].decode() if found else ""
    return code if re.fullmatch(r"[a-z_]{1,60}", code) else ""


def _unsigned(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared
