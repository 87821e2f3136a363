"""The first tables. Never edit a migration that has run anywhere: write another."""

from aether_adapters.sql import BigId, Bytes, UtcDateTime, exact
from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, UniqueConstraint

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "users",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("username", exact(32), nullable=False),
        Column("username_folded", exact(32), nullable=False),
        Column("mobile", exact(16), nullable=False),
        Column("email", exact(254)),
        Column("display_name", exact(64), nullable=False),
        Column("password_hash", exact(255), nullable=False),
        Column("roles", exact(64), nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("banned_at", UtcDateTime),
        Column("version", BigInteger, nullable=False),
        UniqueConstraint("username_folded"),
        UniqueConstraint("mobile"),
    )
    op.create_table(
        "sessions",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("user_id", BigInteger, nullable=False),
        Column("handle", exact(64), nullable=False),
        Column("secret", exact(64), nullable=False),
        Column("opened_at", UtcDateTime, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
        Column("revoked_at", UtcDateTime),
        Column("version", BigInteger, nullable=False),
        UniqueConstraint("handle"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "signing_keys",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("kid", exact(64), nullable=False),
        Column("x", exact(64), nullable=False),
        Column("y", exact(64), nullable=False),
        Column("private_pem", Text, nullable=False),
        Column("signs_from", UtcDateTime, nullable=False),
    )
    op.create_table(
        "order_points",
        Column("order_id", BigInteger, primary_key=True, autoincrement=False),
        Column("user_id", BigInteger, nullable=False),
        Column("paid_cents", BigInteger, nullable=False),
        Column("refunded_cents", BigInteger, nullable=False),
        Column("points", BigInteger, nullable=False),
    )
    op.create_index("ix_order_points_user_id", "order_points", ["user_id"])
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
        "order_points",
        "signing_keys",
        "sessions",
        "users",
    ):
        op.drop_table(table)
