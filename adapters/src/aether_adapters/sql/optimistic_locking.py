"""Optimistic locking: saves a row only over the version that was loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from sqlalchemy import Connection, Table, Update, bindparam, update


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
    keys, statement = _update(table)
    values = {name: value for name, value in row.items() if name not in keys}
    its = {f"its_{name}": row[name] for name in keys}
    if connection.execute(statement, {**values, **its, "its_version": loaded}).rowcount == 0:
        raise conflict()


@cache
def _update(table: Table) -> tuple[frozenset[str], Update]:
    """Return the columns of the primary key, and the update of one version of a row."""
    keys = frozenset(column.name for column in table.primary_key.columns)
    its = (table.c[name] == bindparam(f"its_{name}") for name in sorted({*keys, "version"}))
    return keys, update(table).where(*its)
