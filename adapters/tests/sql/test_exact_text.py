"""Tests of exact text columns: case, accents and trailing spaces matter."""

from __future__ import annotations

import pytest
from aether_adapters.sql import exact, pending_changes
from sqlalchemy import Column, Engine, MetaData, Table, delete, insert, select
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

METADATA = MetaData()
NAMES = Table("names", METADATA, Column("name", exact(20), primary_key=True))
ALIKE = [
    "",
    " ",
    "ada",
    "ada ",
    "ada  ",
    " ada",
    "ada\t",
    "ada\x00",
    "Ada",
    "adä",
    "ada\u0301",
    "ａｄａ",
    "🐜",
]


def test_texts_that_look_alike_are_different_keys(engine: Engine) -> None:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(NAMES), [{"name": name} for name in ALIKE])
    with engine.begin() as connection:
        for name in ALIKE:
            assert connection.scalars(select(NAMES.c.name).where(NAMES.c.name == name)).all() == [name]
        for name in ALIKE:
            assert connection.execute(delete(NAMES).where(NAMES.c.name == name)).rowcount == 1
    assert not [change for change in pending_changes(engine, METADATA) if "names" in change]


@pytest.mark.parametrize(("mariadb", "collation"), [(False, "utf8mb4_0900_bin"), (True, "utf8mb4_nopad_bin")])
def test_each_server_gets_a_collation_that_it_has(mariadb: bool, collation: str) -> None:
    """The column is the same, whichever server it was compiled for before."""
    dialect = mysql.dialect()
    dialect.is_mariadb = mariadb
    made = str(CreateTable(NAMES).compile(dialect=dialect))
    assert f"name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE {collation} NOT NULL" in made
