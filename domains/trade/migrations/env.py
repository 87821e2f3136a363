"""Entry point of Alembic, for `aether_adapters.sql.migrate` and for `alembic revision --autogenerate`."""

from aether_adapters.sql import run_migrations

from aether_trade.adapters.tables import METADATA

run_migrations(METADATA)
