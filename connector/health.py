"""Whether the stores of a daemon are looked after as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.opening import Client
from connector.shop import Shop
from connector.vitals import Vitals, ailments, vitals_of


@dataclass(frozen=True, slots=True)
class Ward:
    """A store of a client's that a daemon has looked after since then."""

    client: Client
    shop: Shop
    began_at: datetime

    @property
    def names(self) -> tuple[str, str]:
        """The client's, and the store's."""
        return self.client.name, self.shop.id

    def vitals(self) -> Vitals:
        """How the store is now. Raises SQLAlchemy's DBAPIError where the state cannot be read."""
        with self.shop.database.read() as connection:
            return vitals_of(connection, self.shop.id, self.shop.clock())

    def ailments(self, vitals: Vitals) -> tuple[str, ...]:
        """What lags, in words; nothing if all is well."""
        return ailments(vitals, self.shop.config.poll_every, self.shop.clock(), self.began_at)


def wards_of(clients: Sequence[Client]) -> list[Ward]:
    """The stores of these clients, looked after from now on."""
    return [Ward(client, shop, shop.clock()) for client in clients for shop in client.shops]


def report(wards: Sequence[Ward]) -> tuple[bool, dict[str, object]]:
    """Whether all is well, and what `/healthz` says: which store lags and why. Raises DBAPIError."""
    stores = [_told(ward) for ward in wards]
    is_well = all(store["healthy"] for store in stores)
    return is_well, {"healthy": is_well, "stores": stores}


def _told(ward: Ward) -> dict[str, object]:
    vitals = ward.vitals()
    found = ward.ailments(vitals)
    client, store = ward.names
    told = {"client": client, "store": store, "healthy": not found, "reasons": list(found)}
    return {**told, "error": vitals.state.error, "failures": vitals.state.failures}
