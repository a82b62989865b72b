"""The heartbeat: while all is well, a monitoring service hears of it; when it hears no more, it calls a person."""

from __future__ import annotations

from collections.abc import Sequence

import requests
import structlog
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from connector.health import Ward
from connector.store.errors import in_words
from connector.vitals import Vitals

log = structlog.get_logger()

PATIENCE = (5.0, 5.0)
"""Seconds, for the connection and for the answer."""


def beat_if_well(url: SecretStr, wards: Sequence[Ward]) -> None:
    """Beat, unless one of a client's stores is in trouble or lags. Never raises for what can go wrong with it."""
    try:
        seen = [(ward, ward.vitals()) for ward in wards]
    except DBAPIError as error:
        log.error("the state cannot be read", reason=in_words(error))  # noqa: TRY400  the disk is at fault, not we
        return
    if all(_is_well(ward, vitals) for ward, vitals in seen):
        beat(url)


def _is_well(ward: Ward, vitals: Vitals) -> bool:
    return vitals.state.polled_at is not None and vitals.state.error is None and not ward.ailments(vitals)


def beat(url: SecretStr) -> None:
    """Ask for the URL, once. It holds a secret, so it is not logged; that it failed is."""
    try:
        # Where else it might lead is nobody's business: a redirect counts as a refusal.
        with requests.get(url.get_secret_value(), timeout=PATIENCE, allow_redirects=False, stream=True) as response:
            if response.status_code >= 300:
                log.warning("heartbeat refused", status=response.status_code)
    except requests.RequestException as error:
        log.warning("heartbeat not delivered", fault=type(error).__name__)
