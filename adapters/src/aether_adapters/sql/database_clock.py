"""The database server's clock, so that processes on several machines agree on when a lease ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from aether_adapters.sql.types import UtcDateTime


class database_now(FunctionElement[datetime]):  # noqa: N801 - used like an SQL function
    """The database server's time plus `seconds`, as `UtcDateTime` (to the millisecond on SQLite)."""

    name = "database_now"
    inherit_cache = True
    type = UtcDateTime()

    def __init__(self, seconds: float | BindParameter[float] = 0.0) -> None:
        super().__init__(seconds if isinstance(seconds, BindParameter) else literal(seconds))


@compiles(database_now, "sqlite")
def _sqlite(element: database_now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', {seconds})) || '000')"


@compiles(database_now, "mysql")
@compiles(database_now, "mariadb")
def _mysql(element: database_now, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"TIMESTAMPADD(MICROSECOND, ROUND({seconds} * 1000000), UTC_TIMESTAMP(6))"
