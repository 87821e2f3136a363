"""SQL kit for MySQL 8, MariaDB and SQLite: units of work, outbox, inbox, leases, migrations."""

from aether_adapters.kernel.unit_of_work import NestedUnitOfWork
from aether_adapters.sql.autogenerate import pending_changes
from aether_adapters.sql.conversions import (
    by_value,
    converted,
    embedded,
    in_column,
    in_columns,
    optional,
    wrapped,
)
from aether_adapters.sql.engine import connect, probe
from aether_adapters.sql.inbox import Inbox, InboxCleaner, inbox_table
from aether_adapters.sql.lease import Lease, lease_table
from aether_adapters.sql.migrations import is_current, migrate, run_migrations
from aether_adapters.sql.optimistic_locking import update_versioned
from aether_adapters.sql.outbox import Backlog, Outbox, OutboxReader, OutboxRow, outbox_table
from aether_adapters.sql.row_mapping import RowMapping
from aether_adapters.sql.row_plan import RowMappingError
from aether_adapters.sql.statements import insert_into, select_by
from aether_adapters.sql.transactions import Transactions
from aether_adapters.sql.types import BigId, Bytes, UtcDateTime, exact

__all__ = [
    "Backlog",
    "BigId",
    "Bytes",
    "Inbox",
    "InboxCleaner",
    "Lease",
    "NestedUnitOfWork",
    "Outbox",
    "OutboxReader",
    "OutboxRow",
    "RowMapping",
    "RowMappingError",
    "Transactions",
    "UtcDateTime",
    "by_value",
    "connect",
    "converted",
    "embedded",
    "exact",
    "in_column",
    "in_columns",
    "inbox_table",
    "insert_into",
    "is_current",
    "lease_table",
    "migrate",
    "optional",
    "outbox_table",
    "pending_changes",
    "probe",
    "run_migrations",
    "select_by",
    "update_versioned",
    "wrapped",
]
