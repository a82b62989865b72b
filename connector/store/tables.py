"""The tables. An order's row is its whole story: the facts as last seen, and the journal of what happened.

A follow-up's row is one action of one step for one subject; its identity is unique, which is what keeps
anything from being done twice. All times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime, on databases with zones and without."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

state = sa.Table(
    "state",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

stores = sa.Table(
    "stores",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("identity", sa.LargeBinary),
    sa.Column("key_mark", sa.Text),
    sa.Column("cursor", sa.Text),
    sa.Column("checkout_cursor", sa.Text),
    sa.Column("baseline_at", Utc),
    sa.Column("baseline_done_at", Utc),
    sa.Column("polled_at", Utc),
    sa.Column("swept_at", Utc),
    sa.Column("error", sa.Text),
    sa.Column("error_since", Utc),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("retry_at", Utc),
    sa.Column("skew", sa.Float),
    sa.Column("refused_at", Utc),
    sa.Column("tidied_at", Utc),
    sa.Column("planned_by", sa.Text),
    sa.Column("products_error", sa.Text),
    sa.Column("products_retry_at", Utc),
)

# What is said in a store and asked for by itself (reviews, staff_notes): how far it was heard, and its trouble.
listening = sa.Table(
    "listening",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Text),
    sa.Column("heard_at", Utc),
    sa.Column("error", sa.Text),
    sa.Column("error_since", Utc),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("retry_at", Utc),
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("journal", sa.LargeBinary, nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("past", sa.Boolean, nullable=False),
    sa.Column("ask_at", Utc),
    sa.Column("missing_since", Utc),
    sa.Column("erased", sa.Text),
    sa.Column("remarks", sa.LargeBinary),
    sa.Column("noted_at", Utc),
)
# Where an order's number is its id, as on most WooCommerce stores, it is found by that.
sa.Index(
    "ix_orders_number",
    orders.c.store,
    orders.c.number,
    sqlite_where=orders.c.number != orders.c.id,
    postgresql_where=orders.c.number != orders.c.id,
)
sa.Index(
    "ix_orders_person",
    orders.c.store,
    orders.c.person,
)
sa.Index(
    "ix_orders_open",
    orders.c.store,
    sqlite_where=orders.c.open.is_(True),
    postgresql_where=orders.c.open.is_(True),
)
sa.Index(
    "ix_orders_ask_at",
    orders.c.store,
    orders.c.ask_at,
    sqlite_where=orders.c.ask_at.is_not(None),
    postgresql_where=orders.c.ask_at.is_not(None),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("look_at", Utc, nullable=False),
)

# What the store told of products apart from its orders, and when; nothing of those that are not there.
products = sa.Table(
    "products",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("read_at", Utc, nullable=False),
)

# Channels in trouble, and until when they rest.
channels = sa.Table(
    "channels",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", Utc, nullable=False),
    sa.Column("staff_knows", sa.Boolean, nullable=False),
    sa.Column("mark", sa.Text, nullable=False),
)

rules = sa.Table(
    "rules",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("since", Utc, nullable=False),
    sa.Column("first_id", sa.Text, nullable=False),
)

# What a rule was when. `goes_by` is the version by which those go on for whom it began by this one; the `source` is
# kept for as long as somebody goes by it.
versions = sa.Table(
    "versions",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("source", sa.Text),
    sa.Column("goes_by", sa.Text, nullable=False),
    sa.Column("since", Utc, nullable=False),
)

pauses = sa.Table(
    "pauses",
    metadata,
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("at", Utc, nullable=False),
)

followups = sa.Table(
    "followups",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("action", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("locale", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("final", sa.Boolean, nullable=False),
    sa.Column("held_for", sa.Text),
    sa.Column("approved", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("event_at", Utc, nullable=False),
    sa.Column("planned_at", Utc, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("expires_at", Utc),
    sa.Column("backfilled", sa.Boolean, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("intent", sa.LargeBinary),
    sa.Column("intent_at", Utc),
    sa.Column("result", sa.Text),
    sa.Column("basis", sa.Text),
    sa.Column("passed_over", sa.Text),
    sa.UniqueConstraint("store", "rule", "subject", "step", "action"),
)
sa.Index("ix_followups_order", followups.c.store, followups.c.order_id)
sa.Index("ix_followups_person", followups.c.person)
sa.Index(
    "ix_followups_due",
    followups.c.store,
    followups.c.due_at,
    sqlite_where=followups.c.state == "pending",
    postgresql_where=followups.c.state == "pending",
)
# Not `state IN (…)`: SQLite would not see that `state = 'held'` is found there.
_IS_OPEN = sa.or_(followups.c.state == "unknown", followups.c.state == "held")
sa.Index(
    "ix_followups_open_ends",
    followups.c.store,
    followups.c.state,
    followups.c.rule,
    sqlite_where=_IS_OPEN,
    postgresql_where=_IS_OPEN,
)
# How much a rule did, in an hour and on each of many days, is counted in steps, by the first action of each.
_IS_A_DONE_STEP = sa.and_(followups.c.state == "done", followups.c.action == 1)
sa.Index(
    "ix_followups_done",
    followups.c.store,
    followups.c.rule,
    followups.c.at,
    followups.c.backfilled,
    sqlite_where=_IS_A_DONE_STEP,
    postgresql_where=_IS_A_DONE_STEP,
)
# A phone may have the same words of several orders: which message is whose is told by what went by its channel.
sa.Index(
    "ix_followups_sent",
    followups.c.channel,
    followups.c.intent_at,
    sqlite_where=followups.c.result.is_not(None),
    postgresql_where=followups.c.result.is_not(None),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("mark", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("forgotten", sa.Boolean, nullable=False),
    sa.Column("along_with", sa.Text),
    sa.Column("at", Utc, nullable=False),
)

# Who was written to, for as long as it counts: a row for each address by which that person may be known.
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("mark", sa.Text, primary_key=True),
    sa.Column("followup", sa.Integer, primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("marketing", sa.Boolean, nullable=False),
    sa.Column("at", Utc, nullable=False),
)
sa.Index("ix_ledger_followup", ledger.c.followup)
sa.Index("ix_ledger_at", ledger.c.at)
