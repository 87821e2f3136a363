"""Places an order (its row, three items, an event; one transaction), against handwritten SQLAlchemy Core."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.sql import (
    BigId,
    Outbox,
    Transactions,
    UtcDateTime,
    connect,
    exact,
    insert_into,
    outbox_table,
)
from sqlalchemy import Column, Connection, Engine, MetaData, Table, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url

from tests.bench.harness import Row, Side
from tests.bench.processes import cpu_seconds

METADATA = MetaData()
OUTBOX = outbox_table(METADATA)
ORDERS = Table(
    "orders",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("buyer", exact(50), nullable=False),
    Column("total_cents", BigId, nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    Column("version", BigId, nullable=False),
)
ITEMS = Table(
    "items",
    METADATA,
    Column("order_id", BigId, primary_key=True, autoincrement=False),
    Column("line", BigId, primary_key=True, autoincrement=False),
    Column("course", exact(50), nullable=False),
    Column("cents", BigId, nullable=False),
)
PLACED_AT = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
PAYLOAD = b"an order as protobuf, some hundred bytes long" * 4


def order(number: int) -> dict[str, Any]:
    return {"id": number, "buyer": "ann", "total_cents": 600, "placed_at": PLACED_AT, "version": 1}


def items(number: int) -> list[dict[str, Any]]:
    return [
        {"order_id": number, "line": line, "course": f"course {line}", "cents": 100 * line}
        for line in (1, 2, 3)
    ]


class Orders:
    """A repository like in a domain's adapter: it stores the row, its items, then its event."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def place(self, number: int) -> None:
        self._connection.execute(insert_into(ORDERS), order(number))
        self._connection.execute(insert_into(ITEMS), items(number))
        placed = OutgoingEvent(
            type="acme.trade.v1.OrderPlaced",
            source="acme.trade",
            topic="acme.trade.v1",
            key=str(number),
            payload=PAYLOAD,
            occurred_at=PLACED_AT,
        )
        self._outbox.add(placed)


def with_aether(transactions: Transactions[Orders], number: int) -> None:
    """Place an order within a deadline, like the edge."""
    with within(5.0):
        transactions.run(lambda orders: orders.place(number))


def by_hand(engine: Engine, number: int) -> None:
    """Place an order with expert handwritten code; no deadline, no retry."""
    with engine.begin() as connection:
        connection.execute(insert(ORDERS), order(number))
        connection.execute(insert(ITEMS), items(number))
        placed = {
            "event_id": str(uuid4()),
            "type": "acme.trade.v1.OrderPlaced",
            "source": "acme.trade",
            "topic": "acme.trade.v1",
            "key": str(number),
            "payload": PAYLOAD,
            "headers": json.dumps({}),
            "occurred_at": PLACED_AT,
        }
        connection.execute(insert(OUTBOX), placed)


def engine_by_hand(url: URL) -> Engine:
    """Return SQLAlchemy's engine with the settings that each database needs."""
    if url.drivername != "sqlite":
        return create_engine(url, isolation_level="READ COMMITTED")
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "busy_timeout = 5000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def stored(engine: Engine) -> list[Any]:
    """Return everything that a side wrote, without the random id of its event."""
    with engine.connect() as connection:
        found = [connection.execute(select(table)).mappings().all() for table in (ORDERS, ITEMS, OUTBOX)]
    return [[{**row, "event_id": ""} for row in rows] for rows in found]


@contextmanager
def _on_sqlite() -> Iterator[tuple[URL, URL]]:
    with tempfile.TemporaryDirectory(prefix="aether-bench-") as folder:
        yield tuple(URL.create("sqlite", database=str(Path(folder) / f"{name}.db")) for name in "ab")  # type: ignore[misc]


@contextmanager
def _on_mariadb() -> Iterator[tuple[URL, URL]]:
    from aether_adapters.testing.mysql import PrivateMySql

    with PrivateMySql() as private:
        server = private.start()
        with server.database() as first, server.database() as second:
            yield make_url(first), make_url(second)


@contextmanager
def _sides(databases: Callable[[], AbstractContextManager[tuple[URL, URL]]]) -> Iterator[tuple[Side, Side]]:
    with databases() as (first, second):
        ours, theirs = connect(first), engine_by_hand(second)
        for engine in (ours, theirs):
            METADATA.create_all(engine)
        numbers = itertools.count(1)
        transactions = Transactions(ours, Orders)
        with_aether(transactions, 0)
        by_hand(theirs, 0)
        if stored(ours) != stored(theirs):
            raise RuntimeError(f"the sides differ: {stored(ours)} and {stored(theirs)}")
        yield (
            partial(_place, partial(with_aether, transactions), numbers),
            partial(_place, partial(by_hand, theirs), numbers),
        )
        ours.dispose()
        theirs.dispose()


def _place(place: Callable[[int], None], numbers: Iterator[int], seconds: float) -> float:
    """Return the orders per CPU second of this process and of a database's server, which is its child."""
    end, done, began = time.perf_counter() + seconds, 0, cpu_seconds(os.getpid())
    while time.perf_counter() < end:
        place(next(numbers))
        done += 1
    return done / (cpu_seconds(os.getpid()) - began)


def _row(databases: Callable[[], AbstractContextManager[tuple[URL, URL]]], where: str = "") -> Row:
    against = f"sqlalchemy-core handwritten{where}"
    return Row("place-order-sql", against, 1.0, "orders/cpu-s", partial(_sides, databases), stretch=0.4)


ROWS = (
    _row(_on_sqlite),
    *(
        [_row(_on_mariadb, ", on MariaDB")]
        if shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        else []
    ),
)
