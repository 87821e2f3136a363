"""The killer sees a transaction while it is open, and not afterwards."""

from __future__ import annotations

import os

import pytest
from aether_adapters.sql import connect
from sqlalchemy import text

from tests.shop.transactions import OpenTransactions


@pytest.mark.implementation("mariadb")
def test_a_transaction_is_seen_from_its_first_statement_to_its_commit(mysql_url: str) -> None:
    engine, seen = connect(mysql_url), OpenTransactions(mysql_url)
    try:
        with engine.begin() as setup:
            setup.execute(text("CREATE TABLE seats (id INT PRIMARY KEY) ENGINE=InnoDB"))
        with engine.connect() as reader, engine.connect() as writer:
            connections = seen.connections(os.getpid())
            assert seen.open_in(connections) == []
            reader.execute(text("SELECT * FROM seats")).all()
            assert seen.open_in(connections) == [False]
            writer.execute(text("INSERT INTO seats VALUES (1)"))
            assert sorted(seen.open_in(connections)) == [False, True]
            assert seen.open_in(()) == []
            writer.commit()
            assert seen.open_in(connections) == [False]
            reader.rollback()
            assert seen.open_in(connections) == []
        assert seen.connections(os.getppid()) == frozenset()
    finally:
        seen.close()
        engine.dispose()
