"""What the contract suites of every domain's stores share: the same tests on memory, SQLite, and MariaDB or MySQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar
from uuid import uuid4

import pytest
from sqlalchemy import Connection, MetaData, Table

from aether_adapters import sql
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent
from aether_adapters.testing.memory import MemoryTransactions

E = TypeVar("E")
U = TypeVar("U")

DATABASES: Final = (pytest.param("sqlite_url", id="sqlite"), pytest.param("mysql_url", id="mariadb"))
"""Parameters of a test on every database; each is the fixture that has the URL."""
STORES: Final = ("memory", *DATABASES)
"""Parameters of a fixture that makes a store: "memory", or the fixture that has the URL of a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStore(Generic[U]):
    """The stores of a domain, in memory or in a database; `events` returns the outbox as consumers receive it."""

    transactions: MemoryTransactions[Any, U, Any] | sql.Transactions[U]
    events: Callable[[], list[IncomingEvent]]


@contextmanager
def open_store(
    request: pytest.FixtureRequest,
    memory: MemoryTransactions[Any, U, E],
    *,
    script_location: Path,
    unit_of_work: Callable[[Connection], U],
    outbox: Table,
    outgoing: Callable[[E], OutgoingEvent],
) -> Iterator[OpenStore[U]]:
    """Open what the parameter of `request`, one of `STORES`, names: `memory`, or a database after its migrations."""
    if request.param == "memory":
        yield OpenStore(
            transactions=memory,
            events=lambda: [_arrived(outgoing(event)) for event in memory.outbox],
        )
        return
    url = request.getfixturevalue(request.param)
    sql.migrate(url, script_location)
    engine = sql.connect(url)
    reader = sql.OutboxReader(engine, outbox)
    yield OpenStore(
        transactions=sql.Transactions(engine, unit_of_work),
        events=lambda: [_arrived(row.event) for row in reader.unsent(10_000)],
    )
    engine.dispose()


class MigrationsSuite:
    """The migrations of a domain make the tables that its adapters use. Subclass it as `TestMigrations`."""

    script_location: ClassVar[Path]
    metadata: ClassVar[MetaData]

    @pytest.mark.suite("migrations")
    @pytest.mark.parametrize("database", DATABASES)
    def test_migrations_make_exactly_the_tables_the_adapters_use(
        self, request: pytest.FixtureRequest, database: str
    ) -> None:
        url = request.getfixturevalue(database)
        sql.migrate(url, self.script_location)
        engine = sql.connect(url)
        assert sql.pending_changes(engine, self.metadata) == []
        engine.dispose()


class InboxSuite:
    """The inbox of a domain's units of work. Subclass it as `TestInbox`, beside a fixture `store`."""

    def test_an_event_is_new_once_for_each_consumer(self, store: Any) -> None:
        event_id = str(uuid4())

        def first_time(consumer: str) -> object:
            return store.transactions.run(lambda unit: unit.inbox.first_time(consumer, event_id))

        assert [first_time(consumer) for consumer in ("points", "points", "mail")] == [True, False, True]


def _arrived(event: OutgoingEvent) -> IncomingEvent:
    return IncomingEvent(
        id=event.id,
        type=event.type,
        source=event.source,
        key=event.key,
        payload=event.payload,
        occurred_at=event.occurred_at,
        headers=event.headers,
        topic=event.topic,
        partition=0,
        offset=0,
    )
