"""The tables, in one place: migrations are compared with them."""

from typing import Final

from aether_adapters.ids import worker_lease_table
from aether_adapters.sql import UtcDateTime, exact, inbox_table, lease_table, outbox_table
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

from aether_user.domain.values import (
    DISPLAY_NAME_LIMIT_CHARACTERS,
    EMAIL_LIMIT_CHARACTERS,
    LOGIN_LIMIT_CHARACTERS,
    MOBILE_LIMIT_CHARACTERS,
    USERNAME_LIMIT_CHARACTERS,
)

_DIGEST_CHARACTERS: Final = 64
"""Characters of a SHA-256 in hexadecimal."""

METADATA = MetaData()

USERS = Table(
    "users",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("username", exact(USERNAME_LIMIT_CHARACTERS), nullable=False),
    Column("username_folded", exact(USERNAME_LIMIT_CHARACTERS), nullable=False),
    Column("mobile", exact(MOBILE_LIMIT_CHARACTERS), nullable=False),
    Column("email", exact(EMAIL_LIMIT_CHARACTERS)),
    Column("display_name", exact(DISPLAY_NAME_LIMIT_CHARACTERS), nullable=False),
    Column("password_hash", exact(255), nullable=False),
    Column("roles", exact(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("banned_at", UtcDateTime),
    Column("former_email", exact(EMAIL_LIMIT_CHARACTERS)),
    Column("email_changed_at", UtcDateTime),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("username_folded"),
    UniqueConstraint("mobile"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, nullable=False),
    Column("handle", exact(_DIGEST_CHARACTERS), nullable=False),
    Column("secret", exact(_DIGEST_CHARACTERS), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("handle"),
    Index("ix_sessions_user_id", "user_id"),
    Index("ix_sessions_expires_at", "expires_at"),
)

PASSWORD_RESETS = Table(
    "password_resets",
    METADATA,
    Column("digest", exact(_DIGEST_CHARACTERS), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_password_resets_user_id", "user_id"),
    Index("ix_password_resets_expires_at", "expires_at"),
)

RESET_REQUESTS = Table(
    "reset_requests",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("login", exact(LOGIN_LIMIT_CHARACTERS), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Index("ix_reset_requests_due_at", "due_at"),
)

SIGNING_KEYS = Table(
    "signing_keys",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kid", exact(_DIGEST_CHARACTERS), nullable=False),
    Column("x", exact(_DIGEST_CHARACTERS), nullable=False),
    Column("y", exact(_DIGEST_CHARACTERS), nullable=False),
    Column("private_pem", Text, nullable=False),
    Column("signs_from", UtcDateTime, nullable=False),
)

ORDER_POINTS = Table(
    "order_points",
    METADATA,
    Column("order_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, nullable=False),
    Column("paid_cents", BigInteger, nullable=False),
    Column("refunded_cents", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Index("ix_order_points_user_id", "user_id"),
)

OUTBOX = outbox_table(METADATA)
INBOX = inbox_table(METADATA)
LEASES = lease_table(METADATA)
WORKER_LEASES = worker_lease_table(METADATA)
