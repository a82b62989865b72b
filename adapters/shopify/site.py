"""What a Shopify store says about itself: who it is, what our access allows, and what each action really does there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from adapters.base import Capability
from adapters.errors import AdapterError
from adapters.model import Finding, Identity, StoreInfo
from adapters.shopify.client import Client
from adapters.shopify.status import GOALS, STATUSES
from adapters.urls import is_loopback

NOTABLE_SKEW = timedelta(minutes=2)

RECENT = timedelta(days=30)
"""How far back orders are looked at to see whether they come with their customers."""
A_FEW = 10
"""How many of them."""

SUPPORTED_FOR = timedelta(days=365)
"""How long Shopify keeps a version of its API, from the first day of the month that it is called by."""
A_QUARTER = timedelta(days=91)

WRITES = {
    Capability.NOTES: "write_orders",
    Capability.TAGS: "write_orders",
    Capability.STATUS: "write_orders",
    Capability.MESSAGES: "write_orders",
    Capability.COUPONS: "write_discounts",
}
"""The scope that each capability takes. A scope to write includes the one to read."""

READS = {
    "read_all_orders": "only the last 60 days of orders are visible",
    "read_customers": "customers' names, languages and consent to marketing are not known",
    "read_products": "the types, categories, tags, pages and vendors of products are not known",
    "read_returns": "returns are not seen",
}
"""What we go without for want of a scope."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the store is used, by its settings: where, by which version of the API (`newest` is the newest that we
    know), and how messages go out: invoice, flow (by a trigger of this handle) or off.
    """

    url: str
    api_version: str
    newest: str
    messages: str
    flow_trigger: str | None = None


class _Shop(Struct, frozen=True, rename="camel"):
    id: str
    name: str | None = None
    myshopify_domain: str | None = None
    iana_timezone: str | None = None
    currency_code: str | None = None


class _Scope(Struct, frozen=True):
    handle: str


class _Installation(Struct, frozen=True, rename="camel"):
    access_scopes: tuple[_Scope, ...] = ()


class _Answer(Struct, frozen=True, rename="camel"):
    shop: _Shop
    current_app_installation: _Installation | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """What we are allowed, what is included in it, too."""
        installation = self.current_app_installation or _Installation()
        given = {scope.handle for scope in installation.access_scopes}
        return frozenset(given | {f"read_{scope.removeprefix('write_')}" for scope in given if scope[:6] == "write_"})


class _Email(Struct, frozen=True, rename="camel"):
    email_address: str | None = None


class _Phone(Struct, frozen=True, rename="camel"):
    phone_number: str | None = None


class _Customer(Struct, frozen=True, rename="camel"):
    default_email_address: _Email | None = None
    default_phone_number: _Phone | None = None


class _Buyer(Struct, frozen=True):
    """Who an order is from, as far as Shopify tells."""

    customer: _Customer | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def is_known(self) -> bool:
        customer = self.customer or _Customer()
        email, phone = customer.default_email_address or _Email(), customer.default_phone_number or _Phone()
        return any((self.email, self.phone, email.email_address, phone.phone_number))


class _Buyers(Struct, frozen=True):
    nodes: tuple[_Buyer, ...] = ()


class _Recent(Struct, frozen=True):
    orders: _Buyers


def identify(client: Client, terms: Terms) -> StoreInfo:
    """Identity, currency and zone, in one request. Raises AuthFailed, Unavailable and so on."""
    return _info(client, terms, client.read("shop", {}, _Answer))


def check(client: Client, terms: Terms, needs: Collection[Capability], now: datetime) -> StoreInfo:
    """All that can be learnt; what is wrong stands in the findings, never in an exception. `now` is aware."""
    try:
        answer = client.read("shop", {}, _Answer)
    except AdapterError as error:
        findings = (Finding(True, str(error)),)
        return StoreInfo(identity=Identity(url=terms.url, reached_at=terms.url), means=_means(terms), findings=findings)
    findings = (
        *_lacking(answer.scopes, needs),
        *(_without_people(client, now) if "read_orders" in answer.scopes else ()),
        *_old_version(client, terms, now),
        *_elsewhere(terms, answer.shop),
        *_skewed(client),
    )
    return _info(client, terms, answer, findings)


def _info(client: Client, terms: Terms, answer: _Answer, findings: tuple[Finding, ...] = ()) -> StoreInfo:
    shop = answer.shop
    return StoreInfo(
        identity=Identity(
            url=f"https://{shop.myshopify_domain}" if shop.myshopify_domain else terms.url,
            reached_at=terms.url,
            site_id=shop.id.rpartition("/")[2],
            currency=shop.currency_code,
        ),
        name=shop.name or None,
        version=f"Admin API {client.answered_version or terms.api_version}",
        timezone=shop.iana_timezone,
        statuses=STATUSES,
        goals=GOALS,
        can_write="write_orders" in answer.scopes,
        skew=client.http.skew or timedelta(0),
        means=_means(terms),
        findings=findings,
    )


def _lacking(scopes: frozenset[str], needs: Collection[Capability]) -> Iterator[Finding]:
    if "read_orders" not in scopes:
        yield Finding(True, f"The app lacks the scope read_orders, so no order can be read. {_GRANT}")
    for scope in sorted({WRITES[need] for need in needs if need in WRITES} - scopes):
        asked = sorted(need.value for need in needs if WRITES.get(need) == scope)
        yield Finding(True, f"The app lacks the scope {scope}, which the rules need for {', '.join(asked)}. {_GRANT}")
    for scope, so_what in READS.items():
        if scope not in scopes:
            yield Finding(False, f"The app lacks the scope {scope}: {so_what}. {_GRANT}")


_GRANT = "Add it to the app's scopes in Shopify, and install the new version on the shop."


def _without_people(client: Client, now: datetime) -> Iterator[Finding]:
    """Guests at a till leave nothing either; but not all customers are that."""
    since = (now - RECENT).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        variables = {"first": A_FEW, "query": f"updated_at:>='{since}'"}
        recent = client.read("orders", variables, _Recent).orders.nodes
    except AdapterError as error:
        yield Finding(True, str(error))
        return
    if recent and not any(order.is_known for order in recent):
        yield Finding(
            False,
            "The latest orders come without e-mail and phone: Shopify hides protected customer data from the app, so "
            "nobody can be written to. Ask for it in the app's settings: API access → Protected customer data access, "
            "with name, e-mail, phone and address.",
        )


def _old_version(client: Client, terms: Terms, now: datetime) -> Iterator[Finding]:
    cure = f"Set `api_version: {terms.newest}`" if terms.api_version != terms.newest else "Update Aftersale"
    ends = datetime.strptime(f"{terms.api_version}-01+0000", "%Y-%m-%d%z") + SUPPORTED_FOR
    answered = client.answered_version
    if answered is not None and answered != terms.api_version:
        told = f"Shopify has retired the version {terms.api_version} of its API, and answers as {answered} does"
    elif now >= ends:
        told = f"Shopify has retired the version {terms.api_version} of its API"
    elif now >= ends - A_QUARTER:
        told = f"Shopify retires the version {terms.api_version} of its API on {ends:%Y-%m-%d}"
    else:
        return
    yield Finding(False, f"{told}. {cure}.")


def _elsewhere(terms: Terms, shop: _Shop) -> Iterator[Finding]:
    """Whatever name it answers to, Shopify only promises one."""
    host = urlsplit(terms.url).hostname or ""
    if shop.myshopify_domain and host != shop.myshopify_domain.lower() and not is_loopback(host):
        yield Finding(
            False, f"Shopify calls this store {shop.myshopify_domain}. Set its `url` to https://{shop.myshopify_domain}"
        )


def _skewed(client: Client) -> Iterator[Finding]:
    skew = client.http.skew
    if skew is not None and abs(skew) > NOTABLE_SKEW:
        way = "behind" if skew > timedelta(0) else "ahead of"
        minutes = abs(skew).total_seconds() / 60
        yield Finding(False, f"This machine's clock is {minutes:.0f} minutes {way} Shopify's. Set it by NTP.")


# What the actions really do -----------------------------------------------------------------------------------

SENDS_NOTHING = (
    "Shopify sends no message of ours by itself: the rule needs another channel, or the store "
    "`platform_messages: invoice` or `flow`."
)


def _means(terms: Terms) -> dict[str, str]:
    """By capability, what a shop owner may expect otherwise. What the store cannot do has its cure here."""
    sent = {
        "invoice": "goes out as Shopify's invoice e-mail: our subject, and our text inside the shop's template. It "
        "checks no consent, and whether Shopify sends it for a paid order is not certain: try it on one of your own.",
        "flow": f"starts your workflows in Shopify Flow by the trigger '{terms.flow_trigger}': what the customer gets, "
        "if anything, is what they do.",
    }
    return {
        Capability.NOTES: "is appended to the order's one note, below what stands there. Only the staff sees it.",
        Capability.STATUS: "closes (closed), marks as paid (paid) or cancels (cancelled: no refund, nothing restocked, "
        "the customer not told). Every other status is Shopify's own doing.",
        Capability.COUPONS: "makes a discount code that is good for one order, whoever has it: Shopify ties none to an "
        "e-mail address.",
        Capability.MESSAGES: sent.get(terms.messages, SENDS_NOTHING),
    }
