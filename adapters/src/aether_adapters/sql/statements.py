"""Statements that are built once for each table: building one anew for each request costs as much as running it."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Insert, Select, Table, bindparam, insert, select


@cache
def insert_into(table: Table) -> Insert:
    """Return the insert of one row or of several, passed as dicts: `execute(insert_into(ORDERS), row)`.

    It asks for no generated key.
    """
    return insert(table).inline()


@cache
def select_by(table: Table, *columns: str, lock: bool = False) -> Select[tuple[Any, ...]]:
    """Return the select of the rows in which `columns` have certain values: `execute(select_by(ORDERS, "id"), {"id": 7})`.

    With `lock` the rows stay locked until the transaction ends; SQLite ignores that, because a unit of work that may
    write locks the whole database.
    """
    found = select(table).where(*(table.c[name] == bindparam(name) for name in columns))
    return found.with_for_update() if lock else found
