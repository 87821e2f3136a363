"""Optimistic locking: saves a row only over the version that was loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Table, update


def update_versioned(
    connection: Connection,
    table: Table,
    row: Mapping[str, object],
    *,
    loaded: int,
    conflict: Callable[[], Exception],
) -> None:
    """Write `row`, which holds the primary key and the new `version`, over version `loaded`.

    Raises `conflict()` if the row was saved or deleted since it was loaded.
    """
    keys = [column.name for column in table.primary_key.columns]
    statement = update(table).where(*(table.c[key] == row[key] for key in keys), table.c.version == loaded)
    values = {name: value for name, value in row.items() if name not in keys}
    if connection.execute(statement, values).rowcount == 0:
        raise conflict()
