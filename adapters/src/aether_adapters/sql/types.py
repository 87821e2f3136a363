"""Column types with the same meaning on MySQL, MariaDB and SQLite."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Dialect, LargeBinary, String
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine

BigId: Final = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
"""64-bit id. SQLite increments only a column of type INTEGER, which also holds 64 bits."""

Bytes: Final = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
"""Bytes up to 16 MiB; MySQL's plain BLOB ends at 64 KiB."""


def exact(length: int) -> TypeEngine[str]:
    """Text of at most `length` characters, compared exactly, trailing spaces included.

    MySQL's default collations equate `a` and `A`, and could take one event for another; its older binary
    collation equates `a` and `a `. Needs MySQL 8.0.17 or MariaDB 10.2.
    """
    return String(length).with_variant(_Exact(length), "mysql", "mariadb")


class _Exact(mysql.VARCHAR):
    """VARCHAR with a collation that neither folds nor pads; MySQL and MariaDB have none in common."""

    def __init__(self, length: int) -> None:
        super().__init__(length, charset="utf8mb4")


@compiles(_Exact, "mysql", "mariadb")
def _exact_ddl(type_: _Exact, compiler: Any, **_: Any) -> str:
    # Chosen when the table is created: a dialect learns from its first connection which server it talks to.
    collation = "utf8mb4_nopad_bin" if compiler.dialect.is_mariadb else "utf8mb4_0900_bin"
    return f"VARCHAR({type_.length}) CHARACTER SET utf8mb4 COLLATE {collation}"


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetime, stored in UTC to the microsecond and read back as aware UTC.

    Raises `ValueError` for a naive datetime, which is ambiguous.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime, preferably in UTC.")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return None if value is None else value.replace(tzinfo=UTC)


def source_of(type_: TypeEngine[Any]) -> str | None:
    """Return the source text of a type of this module, such as `exact(200)`; None for any other type."""
    variants = type_._variant_mapping  # public nowhere; Alembic reads it too
    if isinstance(type_, UtcDateTime):
        return "UtcDateTime"
    on_mysql = variants.get("mysql")
    if isinstance(on_mysql, _Exact):
        return f"exact({on_mysql.length})"
    for name, own in {"BigId": BigId, "Bytes": Bytes}.items():
        if type(type_) is type(own) and variants.keys() == own._variant_mapping.keys():
            return name
    return None
