"""Who may ask: OAuth 1.0a over plain HTTP, checked the way WooCommerce does it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

from adapters.sandbox.server import Request
from adapters.sandbox.woocommerce.records import ApiKey, Store
from adapters.sandbox.woocommerce.wire import WpError, php_params

WINDOW = 15 * 60
"""Seconds that a timestamp may be away from the store's clock."""

_NEEDED = (
    "oauth_consumer_key",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
)
_HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_READS = ("GET", "HEAD")
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


def authenticate(store: Store, request: Request) -> ApiKey | None:
    """Whose key signed the request; None if it is not signed at all.

    Raises WpError 401 for a bad key, signature, timestamp or nonce, and for a key without the right to read
    or write: all of that is settled before WordPress looks at the path. Over plain HTTP, Basic credentials
    count for nothing.
    """
    params = php_params(request.query)
    missing = [name for name in _NEEDED if not params.get(name)]
    if len(missing) == len(_NEEDED):
        return None
    if missing:
        plural = "s" if len(missing) > 1 else ""
        message = f"Missing OAuth parameter{plural} {', '.join(missing)}"
        raise WpError(401, "woocommerce_rest_authentication_missing_parameter", message)
    key = store.keys.get(params["oauth_consumer_key"])
    if key is None:
        raise _refused("Consumer key is invalid.")
    _check_signature(store, request, params, key)
    _check_freshness(store, params, key)
    _check_rights(request, key)
    return key


def _check_signature(store: Store, request: Request, params: dict[str, str], key: ApiKey) -> None:
    given = params.pop("oauth_signature").replace(" ", "+")
    method = params["oauth_signature_method"]
    if method not in _HASHES:
        raise _refused("Invalid signature - signature method is invalid.")
    signed = "%26".join(_encoded(f"{_encoded(name)}={_encoded(value)}") for name, value in _sorted(params))
    base = f"{request.method}&{_encoded(store.url + request.path)}&{signed}"
    digest = hmac.new(f"{key.consumer_secret}&".encode(), base.encode(), _HASHES[method]).digest()
    if not hmac.compare_digest(b64encode(digest), given.encode()):
        raise _refused("Invalid signature - provided signature does not match.")


def _sorted(params: dict[str, str]) -> Iterator[tuple[str, str]]:
    # PHP sorts the names before the brackets; what is inside an array stays as it came.
    return iter(sorted(params.items(), key=lambda item: item[0].partition("[")[0].encode()))


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _check_freshness(store: Store, params: dict[str, str], key: ApiKey) -> None:
    now = int(store.now().timestamp())
    stated = params["oauth_timestamp"]
    timestamp = int(stated) if stated.isdigit() else 0
    if abs(timestamp - now) > WINDOW:
        raise _refused("Invalid timestamp.")
    if params["oauth_nonce"] in key.nonces.values():
        raise _refused("Invalid nonce - nonce has already been used.")
    key.nonces[timestamp] = params["oauth_nonce"]
    for old in [known for known in key.nonces if known < now - WINDOW]:
        del key.nonces[old]


def _check_rights(request: Request, key: ApiKey) -> None:
    if request.method in _READS and key.permissions == "write":
        raise _refused("The API key provided does not have read permissions.")
    if request.method in _WRITES and key.permissions == "read":
        raise _refused("The API key provided does not have write permissions.")


def _refused(message: str) -> WpError:
    return WpError(401, "woocommerce_rest_authentication_error", message)
