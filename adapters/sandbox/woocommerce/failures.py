"""The bad answers of real WooCommerce shops and their hosts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from adapters.sandbox.server import Request, Response
from adapters.sandbox.woocommerce.wire import php_json

_JSON = ("Content-Type", "application/json; charset=UTF-8")
_HTML = ("Content-Type", "text/html; charset=UTF-8")


def canned() -> Mapping[str, Callable[[Request], Response]]:
    """Bad answers by name: for a status, its number as text."""
    return {
        "401": _json(401, "rest_disabled", "REST API disabled"),
        "403": _json(403, "rest_forbidden", "Sorry, you are not allowed to do that."),
        "404": _json(404, "rest_no_route", "No route was found matching the URL and request method."),
        "429": _json(429, "too_many_requests", "Too many requests.", ("Retry-After", "7")),
        "500": _json(500, "internal_server_error", "<p>There has been a critical error on this website.</p>"),
        "502": _html(502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        "503": _json(
            503,
            "wp_die",
            "Briefly unavailable for scheduled maintenance. Check back in a minute.",
            ("Retry-After", "600"),
        ),
        "html": _html(200, "<!DOCTYPE html><html><body>One moment, we are checking your browser.</body></html>"),
        "wrong_json": lambda request: Response(200, b'{"success":false,"data":"0"}', (_JSON,)),
        "empty_list": _no_table,
    }


def _json(status: int, code: str, message: str, *headers: tuple[str, str]) -> Callable[[Request], Response]:
    body: dict[str, Any] = {"code": code, "message": message, "data": {"status": status}}
    return lambda request: Response(status, php_json(body), (_JSON, *headers))


def _html(status: int, page: str) -> Callable[[Request], Response]:
    return lambda request: Response(status, page.encode(), (_HTML,))


def _no_table(request: Request) -> Response:
    # With a broken orders table lists are empty and single orders gone: nothing says that it is a fault.
    if re.search(r"/orders/\d+$", request.path):
        code = "woocommerce_rest_shop_order_invalid_id"
        return _json(404, code, "Invalid ID.")(request)
    return Response(200, b"[]", (_JSON, ("X-WP-Total", "0"), ("X-WP-TotalPages", "0")))
