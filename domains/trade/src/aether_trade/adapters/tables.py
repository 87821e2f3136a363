"""The tables of this domain and of nobody else; `migrations/` makes exactly these."""

from aether_adapters.ids import worker_lease_table
from aether_adapters.sql import UtcDateTime, exact, inbox_table, lease_table, outbox_table
from aether_adapters.sql.idempotency import idempotency_table
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table

from aether_trade.domain.values import TITLE_LIMIT_CHARACTERS

METADATA = MetaData()

COURSES = Table(
    "courses",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("title", exact(TITLE_LIMIT_CHARACTERS), nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("on_sale", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_courses_on_sale", "on_sale", "id"),
)

ORDERS = Table(
    "orders",
    METADATA,
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
    Index("ix_orders_buyer", "buyer", "id"),
    Index("ix_orders_buyer_status", "buyer", "status", "id"),
    Index("ix_orders_status", "status", "id"),
    Index("ix_orders_deadline", "status", "deadline", "id"),
)

LINES = Table(
    "order_lines",
    METADATA,
    Column("order_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("course_id", BigInteger, nullable=False),
    Column("title", exact(TITLE_LIMIT_CHARACTERS), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("discount_cents", BigInteger, nullable=False),
    Column("activity_id", BigInteger),
    Column("refunded_quantity", Integer, nullable=False),
)

REFUNDS = Table(
    "refunds",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("order_id", BigInteger, nullable=False),
    Column("payment_id", exact(100), nullable=False),
    Column("cents", BigInteger, nullable=False),
    Column("owed_since", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Index("ix_refunds_owed", "sent_at", "attempts", "id"),
    Index("ix_refunds_order", "order_id"),
    Index("ix_refunds_payment", "payment_id"),
)

KEYS = idempotency_table(METADATA)
OUTBOX = outbox_table(METADATA)
INBOX = inbox_table(METADATA)
LEASES = lease_table(METADATA)
WORKER_LEASES = worker_lease_table(METADATA)
