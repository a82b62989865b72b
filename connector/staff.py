"""The people who run the shop, reached through apprise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from pydantic import SecretStr

log = structlog.get_logger()

STAFF = "staff"
"""What their channel is called in what is recorded."""

Deliver = Callable[[Sequence[str], str, str], bool]
"""Sends (urls, title, body); true if every one of them took it."""


def deliver_by_apprise(urls: Sequence[str], title: str, body: str) -> bool:
    """Hand a plain-text message to each of these apprise URLs."""
    import apprise

    staff = apprise.Apprise()
    for url in urls:
        staff.add(url)
    return bool(staff.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT))


@dataclass(frozen=True, slots=True)
class Staff:
    """Where the staff is told things. Messages to them go out at least once: better twice than never."""

    urls: tuple[SecretStr, ...] = ()
    deliver: Deliver = deliver_by_apprise

    def tell(self, title: str, body: str) -> bool:
        """Tell everyone; false (and logged) if some could not be reached, or nobody is named in the config."""
        if not self.urls:
            return False
        try:
            urls = [url.get_secret_value() for url in self.urls]
            reached = self.deliver(urls, " ".join(title.split()), body)
        except Exception as error:  # noqa: BLE001  what a service's plugin raises must not keep the shop from going on
            log.warning("staff not reached", fault=type(error).__name__)
            return False
        if not reached:
            log.warning("staff not reached")
        return reached


def named(address: SecretStr) -> str:
    """What may be told of where messages are redirected to: an e-mail address, or a service without its keys."""
    plain = address.get_secret_value()
    scheme, separator, _ = plain.partition("://")
    return f"{scheme}://…" if separator else plain


def redirected(staff: Staff, address: SecretStr | None) -> Staff | None:
    """The way to whoever gets messages instead of the customers: an apprise URL, or an e-mail address to which
    the first mail server under `staff` delivers. None where there is no such way.
    """
    if address is None:
        return None
    to = address.get_secret_value()
    if "://" in to:
        return Staff((address,), staff.deliver)
    urls = (url.get_secret_value() for url in staff.urls)
    server = next((url for url in urls if url.startswith(("mailto://", "mailtos://"))), None)
    if server is None:
        return None
    parts = urlsplit(server)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "to"]
    url = urlunsplit(parts._replace(path="", query=urlencode([*query, ("to", to)])))
    return Staff((SecretStr(url),), staff.deliver)
