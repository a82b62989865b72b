"""Shopify stores, through the GraphQL Admin API. See `adapters.registry` for what these names mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from adapters.base import Capability
from adapters.shopify.access import shop_url
from adapters.watch import NOBODY, Watch

if TYPE_CHECKING:
    from adapters.base import StoreAdapter
    from adapters.shopify.access import Access

ApiVersion = Literal["2026-04", "2026-07", "2026-10"]
PlatformMessages = Literal["off", "invoice", "flow"]

NEWEST: ApiVersion = "2026-10"
NO_WAY_IN = "write 'access_token', or both 'client_id' and 'client_secret'"

SHIPPED_WHEN = ({"shipment": "present"},)
DELIVERED_WHEN = ({"shipment": "delivered"},)
LACKS = {
    Capability.REVIEWS: "Shopify has no reviews of its own, and those of review apps are not open to others",
    Capability.CHECKOUT_MESSAGES: "Shopify lets nobody write to a checkout before it is an order",
}


def _url(url: str) -> str:
    """Raises ValueError, in words for a shop owner, for what is not Shopify's own address of a shop."""
    parts = urlsplit(url.strip())
    if parts.hostname == "admin.shopify.com":
        name = parts.path.removeprefix("/store/").partition("/")[0] or "my-shop"
        raise ValueError(f"this is the address of Shopify's admin: write https://{name}.myshopify.com")
    return shop_url(url)


def _filled(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty: copy it from the app in Shopify's Dev Dashboard")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_filled)]


class Settings(BaseModel):
    """The keys of a Shopify store in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[
        str,
        AfterValidator(_url),
        Field(description="The shop's own address at Shopify, https://name.myshopify.com"),
    ]
    access_token: Annotated[
        Secret | None, Field(description="The access token of a custom app made in the shop's admin, shpat_…")
    ] = None
    client_id: Annotated[
        Secret | None, Field(description="The client id of an app from the Dev Dashboard, in place of a token")
    ] = None
    client_secret: Annotated[Secret | None, Field(description="Its secret, shpss_…")] = None
    api_version: Annotated[ApiVersion, Field(description="The version of Shopify's Admin API.")] = NEWEST
    platform_messages: Annotated[
        PlatformMessages,
        Field(
            description="How messages via `platform` go out: as invoice e-mails, through a Shopify Flow workflow of "
            "yours, or not at all."
        ),
    ] = "off"
    flow_trigger: Annotated[
        str | None, Field(description="With `platform_messages: flow`: the handle of your app's Flow trigger")
    ] = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        app = (self.client_id, self.client_secret)
        if self.access_token is None and None in app:
            raise ValueError(NO_WAY_IN)
        if self.access_token is not None and app != (None, None):
            raise ValueError("write 'access_token', or 'client_id' and 'client_secret': not both ways at once")
        return self

    @model_validator(mode="after")
    def _flow_has_its_trigger(self) -> Self:
        if self.platform_messages == "flow" and not self.flow_trigger:
            raise ValueError("'platform_messages: flow' needs 'flow_trigger', the handle of your app's Flow trigger")
        if self.platform_messages != "flow" and self.flow_trigger:
            raise ValueError("'flow_trigger' is only used with 'platform_messages: flow'")
        return self


def _now() -> datetime:
    return datetime.now(UTC)


def create(
    *,
    url: str,
    access_token: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    api_version: str = NEWEST,
    platform_messages: PlatformMessages = "off",
    flow_trigger: str | None = None,
    zone: tzinfo | None = None,
    timeout: float = 30.0,
    clock: Callable[[], datetime] = _now,
    sleep: Callable[[float], None] = time.sleep,
    watch: Watch = NOBODY,
) -> StoreAdapter:
    """An adapter to one Shopify store, by an access token or by an app's id and secret; nothing is asked of it yet.

    `timeout` is in seconds, `clock` tells aware UTC, `sleep` waits between retries of reads, for points, and for bulk
    operations; `watch` is told of every answer. Shopify dates everything in UTC, so `zone` is not needed. Raises
    ValueError for an address, version or key that cannot be.
    """
    from adapters.shopify.access import ClientCredentials, FixedToken
    from adapters.shopify.adapter import Shopify
    from adapters.shopify.client import Client
    from adapters.shopify.site import Terms

    if access_token is not None:
        access: Access = FixedToken(access_token)
    elif client_id is not None and client_secret is not None:
        access = ClientCredentials(
            url, client_id, client_secret, timeout=timeout, clock=clock, sleep=sleep, watch=watch
        )
    else:
        raise ValueError(NO_WAY_IN)
    client = Client(url, api_version, access, timeout=timeout, clock=clock, sleep=sleep, watch=watch)
    terms = Terms(
        url=url, api_version=api_version, newest=NEWEST, messages=platform_messages, flow_trigger=flow_trigger
    )
    return Shopify(client, terms, clock=clock, sleep=sleep)
