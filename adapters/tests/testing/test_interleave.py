"""A race that a test makes on purpose happens where it was asked for, or the test fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aether_adapters.sql import connect
from aether_adapters.testing.interleave import meanwhile
from sqlalchemy import Engine, text

pytestmark = pytest.mark.implementation("mariadb")


@pytest.fixture
def engine(mysql_url: str) -> Iterator[Engine]:
    engine = connect(mysql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE OR REPLACE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT)"))
        connection.execute(text("INSERT INTO counters VALUES (1, 0)"))
    yield engine
    engine.dispose()


def add(engine: Engine, number: int) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE counters SET n = n + :number WHERE id = 1"), {"number": number})


def look(engine: Engine, *, lock: bool) -> list[int]:
    """What two looks in one transaction find."""
    with engine.begin() as connection:
        looked = text(f"SELECT n FROM counters WHERE id = 1{' FOR UPDATE' if lock else ''}")
        first = connection.execute(looked).scalar_one()
        return [first, connection.execute(text("SELECT n AS again FROM counters")).scalar_one()]


def test_it_happens_between_two_statements_as_often_as_was_asked_for(engine: Engine) -> None:
    with meanwhile(engine, lambda: add(engine, 5), before="again"):
        assert [look(engine, lock=False), look(engine, lock=False)] == [[0, 5], [5, 5]]
    with meanwhile(engine, lambda: add(engine, 5), before="again", times=2):
        assert [look(engine, lock=False) for _ in range(3)] == [[5, 10], [10, 15], [15, 15]]


def test_where_a_lock_is_in_the_way_it_happens_afterwards(engine: Engine) -> None:
    with meanwhile(engine, lambda: add(engine, 5), before="again"):
        assert look(engine, lock=True) == [0, 0]
    assert look(engine, lock=False) == [5, 5]


def test_where_it_never_happened_or_failed_the_test_fails(engine: Engine) -> None:
    with (
        pytest.raises(AssertionError, match="no statement contained 'DELETE'"),
        meanwhile(engine, lambda: add(engine, 5), before="DELETE"),
    ):
        look(engine, lock=False)
    with pytest.raises(ZeroDivisionError), meanwhile(engine, lambda: 1 // 0, before="again"):
        assert look(engine, lock=False) == [0, 0]
