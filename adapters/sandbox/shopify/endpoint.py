"""The store's doors: the API, the tokens for it, and the files of bulk operations."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from adapters.sandbox.server import Request, Response
from adapters.sandbox.shopify.cost import DEAREST, Price, operation_of, price
from adapters.sandbox.shopify.execute import Call, run, told, understood
from adapters.sandbox.shopify.records import Store
from adapters.sandbox.shopify.schema import schema
from adapters.sandbox.shopify.wire import DOCS, reply

TOKEN_PATH = "/admin/oauth/access_token"  # noqa: S105 a path
TOKEN_LASTS = timedelta(seconds=86_399)

_NO_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"  # noqa: S105 words
_API = re.compile(r"/admin/api/([^/]+)/graphql\.json")
_QUARTER = re.compile(r"20\d\d-(01|04|07|10)")
_BULK = re.compile(r"/bulk/(\d+)\.jsonl")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in: for the API the operation's name, its variables, and the cost it was priced at.

    `document` is the text that was sent, empty for what was no document; `headers` have lower-case names.
    """

    method: str
    path: str
    operation: str
    variables: Mapping[str, Any]
    cost: int | None
    document: str
    headers: Mapping[str, str]


def asked(request: Request) -> Asked:
    """What a request asks for."""
    body = _body(request) if _API.fullmatch(request.path) else {}
    text, variables = body.get("query") or "", body.get("variables") or {}
    document, errors = understood(schema(), text) if text else (None, ())
    operation = operation_of(document, body.get("operationName")) if document else None
    return Asked(
        method=request.method,
        path=request.path,
        operation=operation.name.value if operation and operation.name else "",
        variables=variables,
        cost=_price(body).requested if operation and not errors else None,
        document=text,
        headers=request.headers,
    )


def answer(store: Store, request: Request) -> Response:
    """Answer one request: first whether there is such a door, then whether it opens, then what is asked."""
    for job in (store.jobs.pop(job_id) for job_id in list(store.jobs)):
        job()
    if request.path == TOKEN_PATH and request.method == "POST":
        return _token(store, request)
    file = _BULK.fullmatch(request.path)
    if file and request.method == "GET":
        return _file(store, int(file[1]))
    found = _API.fullmatch(request.path)
    version = _version(store, found[1]) if found and request.method == "POST" else None
    if version is None:
        return reply({"errors": "Not Found"}, status=404)
    headers = (("X-Shopify-API-Version", version), ("X-Request-Id", str(uuid4())))
    if not _known(store, request.headers.get("x-shopify-access-token", "")):
        return reply({"errors": _NO_TOKEN}, status=401, headers=headers)
    body = _body(request)
    if not isinstance(body.get("query"), str):
        return reply({"errors": {"query": "Required parameter missing or invalid"}}, status=400, headers=headers)
    return reply(_graphql(store, body), headers=headers)


def _version(store: Store, wanted: str) -> str | None:
    """The version that answers. One that was retired is answered by the oldest there still is."""
    retired = _QUARTER.fullmatch(wanted) and wanted < min(store.versions)
    return min(store.versions) if retired else wanted if wanted in store.versions else None


def _known(store: Store, token: str) -> bool:
    ends = store.tokens.get(token, store.now())
    return ends is None or ends > store.now()


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _token(store: Store, request: Request) -> Response:
    """The client-credentials grant: a token for a day."""
    form = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        return reply({"error": "unsupported_grant_type"}, status=400)
    right = hmac.compare_digest(form.get("client_secret", "").encode(), store.client_secret.encode())
    if form.get("client_id") != store.client_id or not right:
        said = {"error": "invalid_client", "error_description": "The client's id or secret is wrong."}
        return reply(said, status=401)
    token = f"shpat_{uuid4().hex}"
    store.tokens[token] = store.now() + TOKEN_LASTS
    lasts = int(TOKEN_LASTS.total_seconds())
    return reply({"access_token": token, "scope": ",".join(store.scopes), "expires_in": lasts})


def _file(store: Store, bulk_id: int) -> Response:
    it = store.bulks.get(bulk_id)
    if it is None or it.status != "COMPLETED":
        return Response(404, b"<Error><Code>NoSuchKey</Code></Error>", (("Content-Type", "application/xml"),))
    return Response(200, it.lines, (("Content-Type", "application/jsonl"),))


def _graphql(store: Store, body: Mapping[str, Any]) -> dict[str, Any]:
    document, errors = understood(schema(), body["query"])
    if document is None or errors:
        return {"errors": told(errors)}
    name, variables = body.get("operationName"), body.get("variables") or {}
    cost = _price(body)
    if cost.requested > DEAREST:
        return {"errors": [_too_dear(cost.requested)]}
    if store.bucket.available(store.now()) < cost.requested:
        return {"errors": [_THROTTLED], "extensions": {"cost": _cost(store, cost.requested, None)}}
    call = Call(store)
    result = run(schema(), document, call, variables, name)
    actual = cost.actual(result.data)
    store.bucket.pay(actual)
    extensions: dict[str, Any] = {"cost": _cost(store, cost.requested, actual)}
    if call.searches:
        extensions["search"] = call.searches
    said: dict[str, Any] = {"data": result.data} if result.data is not None or not result.errors else {}
    if result.errors:
        refused = {"errors": told(result.errors)}
        # Where nothing could be answered at all, there is `data: null` only if the query as such made sense.
        said = {"data": result.data, **refused} if any(error.path for error in result.errors) else refused
    return {**said, "extensions": extensions}


def _price(body: Mapping[str, Any]) -> Price:
    document, _ = understood(schema(), body["query"])
    assert document is not None
    return price(schema(), document, body.get("operationName"), body.get("variables") or {})


def _cost(store: Store, requested: int, actual: int | None) -> dict[str, Any]:
    return {
        "requestedQueryCost": requested,
        "actualQueryCost": actual,
        "throttleStatus": {
            "maximumAvailable": store.bucket.size,
            "currentlyAvailable": store.bucket.available(store.now()),
            "restoreRate": store.bucket.restored,
        },
    }


_THROTTLED = {
    "message": "Throttled",
    "extensions": {"code": "THROTTLED", "documentation": f"{DOCS}/rate-limits"},
}


def _too_dear(requested: int) -> dict[str, Any]:
    message = f"Query cost is {requested}, which exceeds the single query max cost limit ({DEAREST})."
    more = {"cost": requested, "maxCost": DEAREST, "documentation": f"{DOCS}/rate-limits"}
    return {"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", **more}}
