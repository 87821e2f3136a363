"""Alembic's door: `aether_adapters.sql.migrate` comes in here, and so does `alembic revision --autogenerate`."""

from aether_adapters.sql import run_migrations

from aether_promotion.adapters.sql import METADATA

run_migrations(METADATA)
