"""What the address of a store, or of a web service, may be."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def store_url(url: str) -> str:
    """The address without a trailing slash; it may have a path (WordPress in a subfolder).

    Raises ValueError, in words for a shop owner, for anything but https, or http to this very machine.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this is not a web address: write it like https://shop.example.com")
    if not all(0 < len(label) < 64 for label in parts.hostname.rstrip(".").split(".")):
        raise ValueError("there is no such host name: write the address like https://shop.example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address must not hold a user name or password: take them out")
    if parts.query or parts.fragment:
        raise ValueError("an address must not have a ? or # part: write it like https://shop.example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http would send the shop's data unprotected: write https:// instead of http://")
    host = parts.netloc.lower()
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def safe_url(url: str) -> str:
    """A web address as it came, its query included.

    Raises ValueError, in words for a shop owner and without the address, for anything but https, or http to this
    very machine.
    """
    try:
        parts = urlsplit(url.strip())
        named = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        named = False
    if not named or parts.scheme not in ("http", "https"):
        raise ValueError("this is not a web address: write it like https://gateway.example.com/send")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("plain http would send your customers' data unprotected: write https:// instead of http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address must not hold a user name or password: put them into `headers`")
    return url.strip()


def is_loopback(host: str) -> bool:
    """Whether the host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
