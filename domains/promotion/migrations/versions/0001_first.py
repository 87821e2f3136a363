"""The first tables. Never edit a migration that has run anywhere: write another."""

from aether_adapters.sql import BigId, Bytes, UtcDateTime, exact
from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint

revision = "0001"
down_revision = None

COUPON_TERMS = (
    ("title", exact(200), False),
    ("amount_cents", BigInteger, True),
    ("percent", Integer, True),
    ("cap_cents", BigInteger, True),
    ("threshold_cents", BigInteger, False),
    ("valid_from", UtcDateTime, False),
    ("valid_until", UtcDateTime, False),
)


def upgrade() -> None:
    op.create_table(
        "templates",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        *(Column(name, kind, nullable=nullable) for name, kind, nullable in COUPON_TERMS),
        Column("quota", BigInteger, nullable=False),
        Column("limit_per_user", Integer, nullable=False),
        Column("claims_from", UtcDateTime, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("status", exact(20), nullable=False),
        Column("version", BigInteger, nullable=False),
    )
    op.create_index("ix_templates_status", "templates", ["status", "id"])
    op.create_table(
        "desks",
        Column("template_id", BigInteger, primary_key=True, autoincrement=False),
        Column("quota", BigInteger, nullable=False),
        Column("claimed", BigInteger, nullable=False),
        Column("generation", BigInteger, nullable=False),
        Column("decides", exact(20), nullable=False),
        Column("server", exact(100), nullable=False),
        Column("since", UtcDateTime, nullable=False),
    )
    op.create_index("ix_desks_decides", "desks", ["decides"])
    op.create_table(
        "coupons",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("template_id", BigInteger, nullable=False),
        Column("owner", exact(255), nullable=False),
        Column("claim_key", exact(64), nullable=False),
        *(Column(name, kind, nullable=nullable) for name, kind, nullable in COUPON_TERMS),
        Column("claimed_at", UtcDateTime, nullable=False),
        Column("status", exact(20), nullable=False),
        Column("order_id", BigInteger),
        Column("locked_until", UtcDateTime),
        Column("version", BigInteger, nullable=False),
        UniqueConstraint("template_id", "owner", "claim_key"),
    )
    op.create_index("ix_coupons_owner", "coupons", ["owner", "id"])
    op.create_index("ix_coupons_template", "coupons", ["template_id", "id"])
    op.create_index("ix_coupons_order", "coupons", ["order_id"])
    op.create_index("ix_coupons_valid_until", "coupons", ["status", "valid_until"])
    op.create_index("ix_coupons_locked_until", "coupons", ["status", "locked_until"])
    op.create_table(
        "activities",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("title", exact(200), nullable=False),
        Column("course_id", BigInteger, nullable=False),
        Column("price_cents", BigInteger, nullable=False),
        Column("starts_at", UtcDateTime, nullable=False),
        Column("ends_at", UtcDateTime, nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("held", BigInteger, nullable=False),
        Column("sold", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
    )
    op.create_index("ix_activities_ends_at", "activities", ["ends_at"])
    op.create_table(
        "reservations",
        Column("order_id", BigInteger, primary_key=True, autoincrement=False),
        Column("activity_id", BigInteger, primary_key=True, autoincrement=False),
        Column("buyer", exact(255), nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("status", exact(20), nullable=False),
    )
    op.create_index("ix_reservations_activity", "reservations", ["activity_id", "status"])
    op.create_index("ix_reservations_expires_at", "reservations", ["status", "expires_at"])
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
        "outbox",
        "reservations",
        "activities",
        "coupons",
        "desks",
        "templates",
    ):
        op.drop_table(table)
