"""The end of a poll: what is remembered of it, and whether it left anything to do.

One statement, as an idle poll is made of little else.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from connector.store.followups import SOMETHING_TO_DO
from connector.store.tables import stores


def note(connection: sa.Connection, store: str, now: datetime, **values: object) -> bool:
    """Remember these columns of a known store's row; returns whether anything is due, unknown or to be planned anew."""
    return bool(connection.scalar(_noting(tuple(values)), {"store": store, "now": now, **values}))


@cache
def _noting(names: tuple[str, ...]) -> sa.Executable:
    columns: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    row = stores.c.id == sa.bindparam("store")
    return sa.update(stores).where(row).values(columns).returning(SOMETHING_TO_DO.scalar_subquery())
