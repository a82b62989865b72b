"""The first schema."""

import sqlalchemy as sa
from alembic import op

from connector.store import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "followups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("action", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("held_for", sa.Text(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("event_at", tables.Utc(timezone=True), nullable=False),
        sa.Column("planned_at", tables.Utc(timezone=True), nullable=False),
        sa.Column("due_at", tables.Utc(timezone=True), nullable=False),
        sa.Column("expires_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("backfilled", sa.Boolean(), nullable=False),
        sa.Column("at", tables.Utc(timezone=True), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("intent", sa.LargeBinary(), nullable=True),
        sa.Column("intent_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("passed_over", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_followups")),
        sa.UniqueConstraint(
            "store",
            "rule",
            "subject",
            "step",
            "action",
            name=op.f("uq_followups_store_rule_subject_step_action"),
        ),
    )
    op.create_index(
        "ix_followups_done",
        "followups",
        ["store", "rule", "at", "backfilled"],
        unique=False,
        sqlite_where=sa.text("state = 'done' AND action = 1"),
        postgresql_where=sa.text("state = 'done' AND action = 1"),
    )
    op.create_index(
        "ix_followups_due",
        "followups",
        ["store", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_followups_open_ends",
        "followups",
        ["store", "state", "rule"],
        unique=False,
        sqlite_where=sa.text("state = 'unknown' OR state = 'held'"),
        postgresql_where=sa.text("state = 'unknown' OR state = 'held'"),
    )
    op.create_index("ix_followups_order", "followups", ["store", "order_id"], unique=False)
    op.create_index("ix_followups_person", "followups", ["person"], unique=False)
    op.create_index(
        "ix_followups_sent",
        "followups",
        ["channel", "intent_at"],
        unique=False,
        sqlite_where=sa.text("result IS NOT NULL"),
        postgresql_where=sa.text("result IS NOT NULL"),
    )
    op.create_table(
        "listening",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("heard_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_since", tables.Utc(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", tables.Utc(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("store", "what", name=op.f("pk_listening")),
    )
    op.create_table(
        "orders",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("journal", sa.LargeBinary(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("past", sa.Boolean(), nullable=False),
        sa.Column("ask_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("missing_since", tables.Utc(timezone=True), nullable=True),
        sa.Column("erased", sa.Text(), nullable=True),
        sa.Column("remarks", sa.LargeBinary(), nullable=True),
        sa.Column("noted_at", tables.Utc(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("store", "id", name=op.f("pk_orders")),
    )
    op.create_index(
        "ix_orders_ask_at",
        "orders",
        ["store", "ask_at"],
        unique=False,
        sqlite_where=sa.text("ask_at IS NOT NULL"),
        postgresql_where=sa.text("ask_at IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_number",
        "orders",
        ["store", "number"],
        unique=False,
        sqlite_where=sa.text("number != id"),
        postgresql_where=sa.text("number != id"),
    )
    op.create_index(
        "ix_orders_person",
        "orders",
        ["store", "person"],
        unique=False,
    )
    op.create_index(
        "ix_orders_open",
        "orders",
        ["store"],
        unique=False,
        sqlite_where=sa.text("open IS 1"),
        postgresql_where=sa.text("open IS true"),
    )
    op.create_table(
        "ledger",
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("followup", sa.Integer(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("marketing", sa.Boolean(), nullable=False),
        sa.Column("at", tables.Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mark", "followup", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_followup", "ledger", ["followup"], unique=False)
    op.create_index("ix_ledger_at", "ledger", ["at"], unique=False)
    op.create_table(
        "pauses",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("at", tables.Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "rule", name=op.f("pk_pauses")),
    )
    op.create_table(
        "products",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("read_at", tables.Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "id", name=op.f("pk_products")),
    )
    op.create_table(
        "quarantine",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", tables.Utc(timezone=True), nullable=False),
        sa.Column("look_at", tables.Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "order_id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "channels",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", tables.Utc(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", tables.Utc(timezone=True), nullable=False),
        sa.Column("staff_knows", sa.Boolean(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channels")),
    )
    op.create_table(
        "rules",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("since", tables.Utc(timezone=True), nullable=False),
        sa.Column("first_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("store", "rule", name=op.f("pk_rules")),
    )
    op.create_table(
        "versions",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("goes_by", sa.Text(), nullable=False),
        sa.Column("since", tables.Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("store", "rule", "version", name=op.f("pk_versions")),
    )
    op.create_table(
        "state",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_state")),
    )
    op.create_table(
        "stores",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=True),
        sa.Column("key_mark", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("checkout_cursor", sa.Text(), nullable=True),
        sa.Column("baseline_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("baseline_done_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("polled_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("swept_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_since", tables.Utc(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retry_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("skew", sa.Float(), nullable=True),
        sa.Column("refused_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("tidied_at", tables.Utc(timezone=True), nullable=True),
        sa.Column("planned_by", sa.Text(), nullable=True),
        sa.Column("products_error", sa.Text(), nullable=True),
        sa.Column("products_retry_at", tables.Utc(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
    )
    op.create_table(
        "suppressions",
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        sa.Column("along_with", sa.Text(), nullable=True),
        sa.Column("at", tables.Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_suppressions")),
    )
