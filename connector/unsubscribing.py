"""The link by which a customer unsubscribes: it carries who they are, signed, so that nobody unsubscribes another."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from connector.people import addresses_of, mark

NOBODY = "nobody@aftersale.invalid"
"""Who unsubscribes by a link in a message that its customer does not get: a preview, a test, or one redirected."""

_SIGNED = 16
"""Bytes of the signature: as many as anybody could want to guess."""
_MARK = 16


class Unsubscriber(NamedTuple):
    """Whose link it is: the mark of their address in the state, as the suppression list has it, and the store."""

    mark: str
    store: str


def link_for(unsubscribe: str, secret: bytes, to: str, store: str) -> str:
    """Where who is reached at `to` unsubscribes from a store's marketing. A mailto: stays as it is."""
    parts = urlsplit(unsubscribe)
    if parts.scheme != "https":
        return unsubscribe
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}t={token(secret, to, store)}"))


def token(secret: bytes, to: str, store: str) -> str:
    """What stands behind `t=`: no address can be read from it."""
    content = bytes.fromhex(mark(min(addresses_of(to)), secret)) + store.encode()
    return urlsafe_b64encode(_signature(secret, content) + content).decode().rstrip("=")


def read_token(secret: bytes, text: str) -> Unsubscriber | None:
    """Whose token this is; None if it is not one of ours."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        signature, content = raw[:_SIGNED], raw[_SIGNED:]
        if not hmac.compare_digest(signature, _signature(secret, content)):
            return None
        return Unsubscriber(content[:_MARK].hex(), content[_MARK:].decode())
    except (Error, ValueError):  # no ASCII, no Base64, no UTF-8
        return None


def _signature(secret: bytes, content: bytes) -> bytes:
    return hmac.digest(secret, b"unsubscribe\n" + content, hashlib.sha256)[:_SIGNED]
