"""WooCommerce stores, through WooCommerce's REST API v3. See `adapters.registry` for what these two names mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from adapters.urls import store_url
from adapters.watch import NOBODY, Watch

if TYPE_CHECKING:
    from adapters.base import StoreAdapter


def _key(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty: make a key in WooCommerce → Settings → Advanced → REST API")
    return secret


Key = Annotated[SecretStr, AfterValidator(_key)]


class Settings(BaseModel):
    """The keys of a WooCommerce store in config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[
        str,
        AfterValidator(store_url),
        Field(description="The shop's address; https, or http on this machine. A subfolder is fine."),
    ]
    consumer_key: Annotated[Key, Field(description="The key of WooCommerce's REST API, ck_…")]
    consumer_secret: Annotated[Key, Field(description="Its secret, cs_…")]
    fulfillments: Annotated[
        bool,
        Field(
            description="Read parcels from WooCommerce's own fulfilments as well. Costs one more request for "
            "each recent order, at every change and before every action."
        ),
    ] = False


def _now() -> datetime:
    return datetime.now(UTC)


def create(
    *,
    url: str,
    consumer_key: str,
    consumer_secret: str,
    fulfillments: bool = False,
    zone: tzinfo | None = None,
    timeout: float = 30.0,
    clock: Callable[[], datetime] = _now,
    sleep: Callable[[float], None] = time.sleep,
    watch: Watch = NOBODY,
) -> StoreAdapter:
    """An adapter to one WooCommerce store; nothing is asked of it yet.

    `timeout` is in seconds, `clock` tells aware UTC, `sleep` waits between retries of reads. `zone` is the shop's,
    as far as it is known beforehand; where it is not, it is asked for once it is needed. `watch` is told of every
    answer. Raises ValueError for an address that cannot be.
    """
    from adapters.woocommerce.adapter import WooCommerce
    from adapters.woocommerce.client import Client

    client = Client(url, consumer_key, consumer_secret, timeout=timeout, clock=clock, sleep=sleep, watch=watch)
    return WooCommerce(client, clock=clock, fulfillments=fulfillments, zone=zone)
