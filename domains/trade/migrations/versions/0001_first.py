"""The first tables. Never edit a migration that has run anywhere: write another."""

from aether_adapters.sql import BigId, Bytes, UtcDateTime, exact
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, UniqueConstraint

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "courses",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("title", exact(200), nullable=False),
        Column("price_cents", BigInteger, nullable=False),
        Column("on_sale", Boolean, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("version", BigInteger, nullable=False),
    )
    op.create_index("ix_courses_on_sale", "courses", ["on_sale", "id"])
    op.create_table(
        "orders",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("buyer", exact(255), nullable=False),
        Column("status", exact(20), nullable=False),
        Column("payable_cents", BigInteger, nullable=False),
        Column("refunded_cents", BigInteger, nullable=False),
        Column("coupon_ids", exact(500), nullable=False),
        Column("placed_at", UtcDateTime, nullable=False),
        Column("deadline", UtcDateTime, nullable=False),
        Column("payment_id", exact(100)),
        Column("paid_at", UtcDateTime),
        Column("closed_at", UtcDateTime),
        Column("close_reason", exact(20)),
        Column("finished_at", UtcDateTime),
        Column("version", BigInteger, nullable=False),
    )
    op.create_index("ix_orders_buyer", "orders", ["buyer", "id"])
    op.create_index("ix_orders_buyer_status", "orders", ["buyer", "status", "id"])
    op.create_index("ix_orders_status", "orders", ["status", "id"])
    op.create_index("ix_orders_deadline", "orders", ["status", "deadline", "id"])
    op.create_table(
        "order_lines",
        Column("order_id", BigInteger, primary_key=True, autoincrement=False),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("course_id", BigInteger, nullable=False),
        Column("title", exact(200), nullable=False),
        Column("quantity", Integer, nullable=False),
        Column("price_cents", BigInteger, nullable=False),
        Column("discount_cents", BigInteger, nullable=False),
        Column("activity_id", BigInteger),
        Column("refunded_quantity", Integer, nullable=False),
    )
    op.create_table(
        "refunds",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("order_id", BigInteger, nullable=False),
        Column("payment_id", exact(100), nullable=False),
        Column("cents", BigInteger, nullable=False),
        Column("owed_since", UtcDateTime, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("sent_at", UtcDateTime),
    )
    op.create_index("ix_refunds_owed", "refunds", ["sent_at", "attempts", "id"])
    op.create_index("ix_refunds_order", "refunds", ["order_id"])
    op.create_index("ix_refunds_payment", "refunds", ["payment_id"])
    op.create_table(
        "idempotency_keys",
        Column("scope", exact(255), primary_key=True),
        Column("key", exact(255), primary_key=True),
        Column("fingerprint", exact(64), nullable=False),
        Column("claimant", exact(64), nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("result", exact(255)),
        Column("created_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "outbox",
        Column("id", BigId, primary_key=True, autoincrement=True),
        Column("event_id", exact(64), nullable=False),
        Column("type", exact(255), nullable=False),
        Column("source", exact(255), nullable=False),
        Column("topic", exact(249), nullable=False),
        Column("key", exact(255), nullable=False),
        Column("payload", Bytes, nullable=False),
        Column("headers", Text, nullable=False),
        Column("occurred_at", UtcDateTime, nullable=False),
        Column("sent_at", UtcDateTime),
        UniqueConstraint("event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_unsent", "outbox", ["sent_at", "id"])
    op.create_table(
        "inbox",
        Column("consumer", exact(100), primary_key=True),
        Column("event_id", exact(255), primary_key=True),
        Column("received_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"])
    op.create_table(
        "leases",
        Column("name", exact(100), primary_key=True),
        Column("owner", exact(255), nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "worker_leases",
        Column("worker", Integer, primary_key=True, autoincrement=False),
        Column("owner", exact(255), nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("highest_ms", BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "worker_leases",
        "leases",
        "inbox",
        "outbox",
        "idempotency_keys",
        "refunds",
        "order_lines",
        "orders",
        "courses",
    ):
        op.drop_table(table)
