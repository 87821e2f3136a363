"""The tables, on MySQL, MariaDB and SQLite alike."""

from typing import Final

from aether_adapters.ids import worker_lease_table
from aether_adapters.sql import UtcDateTime, exact, lease_table, outbox_table
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, UniqueConstraint

from aether_promotion.domain.values import TITLE_LIMIT_CHARACTERS

METADATA = MetaData()


def _id(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


STATUS: Final = exact(20)

TEMPLATES = Table(
    "templates",
    METADATA,
    _id("id"),
    Column("title", exact(TITLE_LIMIT_CHARACTERS), nullable=False),
    Column("amount_cents", BigInteger),
    Column("percent", Integer),
    Column("cap_cents", BigInteger),
    Column("threshold_cents", BigInteger, nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
    Column("quota", BigInteger, nullable=False),
    Column("limit_per_user", Integer, nullable=False),
    Column("claims_from", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("status", STATUS, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_templates_status", "status", "id"),
)

CLAIM_AUTHORITIES = Table(
    "desks",
    METADATA,
    _id("template_id"),
    Column("quota", BigInteger, nullable=False),
    Column("claimed", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("decides", STATUS, nullable=False),
    Column("server", exact(100), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Index("ix_desks_decides", "decides"),
)

COUPONS = Table(
    "coupons",
    METADATA,
    _id("id"),
    Column("template_id", BigInteger, nullable=False),
    Column("owner", exact(255), nullable=False),
    Column("claim_key", exact(64), nullable=False),
    Column("title", exact(TITLE_LIMIT_CHARACTERS), nullable=False),
    Column("amount_cents", BigInteger),
    Column("percent", Integer),
    Column("cap_cents", BigInteger),
    Column("threshold_cents", BigInteger, nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("status", STATUS, nullable=False),
    Column("order_id", BigInteger),
    Column("locked_until", UtcDateTime),
    Column("version", BigInteger, nullable=False),
    # The last line of defence: one key of one owner is one coupon.
    UniqueConstraint("template_id", "owner", "claim_key"),
    Index("ix_coupons_owner", "owner", "id"),
    Index("ix_coupons_template", "template_id", "id"),
    Index("ix_coupons_order", "order_id"),
    Index("ix_coupons_valid_until", "status", "valid_until"),
    Index("ix_coupons_locked_until", "status", "locked_until"),
)

ACTIVITIES = Table(
    "activities",
    METADATA,
    _id("id"),
    Column("title", exact(TITLE_LIMIT_CHARACTERS), nullable=False),
    Column("course_id", BigInteger, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("sold", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Index("ix_activities_ends_at", "ends_at"),
)

RESERVATIONS = Table(
    "reservations",
    METADATA,
    _id("order_id"),
    _id("activity_id"),
    Column("buyer", exact(255), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("status", STATUS, nullable=False),
    Index("ix_reservations_activity", "activity_id", "status"),
    Index("ix_reservations_expires_at", "status", "expires_at"),
)

OUTBOX = outbox_table(METADATA)
LEASES = lease_table(METADATA)
WORKER_LEASES = worker_lease_table(METADATA)
