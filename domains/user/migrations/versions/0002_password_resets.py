"""Resetting a forgotten password: tokens by their digest, requests, and a former e-mail address that is still trusted."""

from aether_adapters.sql import UtcDateTime, exact
from alembic import op
from sqlalchemy import BigInteger, Column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("users", Column("former_email", exact(254)))
    op.add_column("users", Column("email_changed_at", UtcDateTime))
    op.create_table(
        "password_resets",
        Column("digest", exact(64), primary_key=True),
        Column("user_id", BigInteger, nullable=False),
        Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_password_resets_user_id", "password_resets", ["user_id"])
    op.create_index("ix_password_resets_expires_at", "password_resets", ["expires_at"])
    op.create_table(
        "reset_requests",
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("login", exact(64), nullable=False),
        Column("requested_at", UtcDateTime, nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_reset_requests_due_at", "reset_requests", ["due_at"])


def downgrade() -> None:
    op.drop_table("reset_requests")
    op.drop_table("password_resets")
    op.drop_column("users", "email_changed_at")
    op.drop_column("users", "former_email")
