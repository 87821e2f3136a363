"""Tests of the relay: no loss and order for each key, despite crashes, outages and rival relays.

`sqlite` and `mariadb` relay to the embedded Kafka; `kafka` relays from MariaDB to a real broker.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.embedded import EmbeddedKafka
from aether_adapters.kafka import Producer
from aether_adapters.kafka.envelope import Record
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.sql import (
    InboxCleaner,
    Lease,
    Outbox,
    OutboxReader,
    OutboxRow,
    Transactions,
    connect,
    inbox_table,
    lease_table,
    outbox_table,
)
from aether_adapters.testing.waiting import eventually
from confluent_kafka import KafkaError
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, insert, select, update

pytestmark = pytest.mark.suite("relay")

_METADATA = MetaData()
_OUTBOX = outbox_table(_METADATA)
_AGGREGATES = Table(
    "aggregates", _METADATA, Column("id", String(20), primary_key=True), Column("count", Integer)
)
_INBOX = inbox_table(_METADATA)
lease_table(_METADATA)

_RELAY = """
import sys, threading
from sqlalchemy import MetaData
from aether_adapters.kafka import Producer
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.sql import Lease, OutboxReader, connect, outbox_table
url, bootstrap = sys.argv[1:]
engine = connect(url)
lease = Lease(engine, "relay", "process", 2.0)
Relay(OutboxReader(engine, outbox_table(MetaData())), Producer(bootstrap), lease, batch=20).run(threading.Event())
"""


@dataclass
class RelaySetup:
    """A database with an outbox, and a broker."""

    url: str
    engine: Engine
    bootstrap: str
    topic: str
    event: Callable[[str, int, str], Any]

    def relay(
        self,
        *,
        seconds: float = 15.0,
        reader: OutboxReader | None = None,
        producer: Producer | None = None,
        **options: Any,
    ) -> Relay:
        lease = Lease(self.engine, "relay", "test", seconds)
        reader = reader or OutboxReader(self.engine, _OUTBOX)
        return Relay(reader, producer or Producer(self.bootstrap), lease, **{"poll": 0.05, **options})

    def write(self, key: str, *numbers: int) -> None:
        def work(outbox: Outbox) -> None:
            outbox.add(*(self.event(self.topic, number, key) for number in numbers))

        Transactions(self.engine, lambda connection: Outbox(connection, _OUTBOX)).run(work)

    def backlog(self) -> int:
        return OutboxReader(self.engine, _OUTBOX).backlog().count

    def waiting(self) -> list[OutboxRow]:
        return OutboxReader(self.engine, _OUTBOX).unsent(100_000)


@pytest.fixture(params=["sqlite", "mariadb", pytest.param("kafka", marks=pytest.mark.prove)])
def relay_setup(request: pytest.FixtureRequest, tmp_path: Path, topic: str, kit: Any) -> Iterator[RelaySetup]:
    """A setup for each implementation, with empty tables."""
    url = (
        f"sqlite:///{tmp_path}/test.db" if request.param == "sqlite" else request.getfixturevalue("mysql_url")
    )
    broker = "kafka_bootstrap" if request.param == "kafka" else "embedded_kafka_bootstrap"
    engine = connect(url)
    _METADATA.drop_all(engine)
    _METADATA.create_all(engine)
    yield RelaySetup(url, engine, request.getfixturevalue(broker), topic, kit.event)
    engine.dispose()


def test_a_relay_prunes_outbox_and_inbox(relay_setup: RelaySetup, kit: Any) -> None:
    """Whatever the number, in small batches; newer rows stay."""
    now = datetime.now(UTC)
    rows = [{"consumer": "tally", "event_id": f"e{n}", "received_at": now} for n in range(1201)]
    ages = [{**row, "received_at": now - timedelta(hours=2)} for row in rows[:-1]]
    with relay_setup.engine.begin() as connection:
        connection.execute(insert(_INBOX), [*ages, rows[-1]])
    relay_setup.write("7", 1)
    relay = relay_setup.relay(
        keep=timedelta(0), inbox=InboxCleaner(relay_setup.engine, _INBOX), inbox_keep=timedelta(hours=1)
    )

    def remembered() -> list[str]:
        with relay_setup.engine.connect() as connection:
            return list(connection.scalars(select(_INBOX.c.event_id)))

    with kit.running(relay):
        eventually(lambda: remembered() == ["e1200"])
        eventually(lambda: relay_setup.backlog() == 0)


def _first_times(records: list[Record]) -> dict[str, list[int]]:
    """Return for each key its numbers in order of first arrival."""
    keys: dict[str, dict[int, None]] = {}
    for record in records:
        keys.setdefault((record.key or b"").decode(), {})[int(record.value or b"")] = None
    return {key: list(numbers) for key, numbers in keys.items()}


def _complete(expected: dict[str, list[int]]) -> Callable[[list[Record]], bool]:
    total = sum(map(len, expected.values()))
    return lambda records: len({(record.key, record.value) for record in records}) >= total


def test_unsent_events_are_sent_once_in_order_and_marked(relay_setup: RelaySetup, kit: Any) -> None:
    for number in range(100):
        for key in ("a", "b", "c"):
            relay_setup.write(key, number)
    expected = {key: list(range(100)) for key in "abc"}
    with kit.running(relay_setup.relay(batch=37)):
        eventually(lambda: not relay_setup.waiting())
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete(expected))
    assert (_first_times(records), len(records)) == (expected, 300)


def test_two_relays_and_late_commits_keep_the_order(relay_setup: RelaySetup, kit: Any) -> None:
    keys, rounds = ("a", "b", "c", "d"), 30
    with relay_setup.engine.begin() as connection:
        connection.execute(insert(_AGGREGATES), [{"id": key, "count": 0} for key in keys])
    chance = random.Random(7)

    def happen(key: str, before: float, after: float) -> None:
        """One change: takes its number under the aggregate's lock and commits late."""

        def work(connection: Connection) -> None:
            row = _AGGREGATES.c
            connection.execute(update(_AGGREGATES).where(row.id == key).values(count=row.count + 1))
            number = connection.scalars(select(row.count).where(row.id == key)).one()
            time.sleep(before)
            Outbox(connection, _OUTBOX).add(kit.event(relay_setup.topic, number, key))
            time.sleep(after)

        Transactions(relay_setup.engine, lambda connection: connection).run(work)

    def write(key: str) -> None:
        for _ in range(rounds):
            happen(key, chance.uniform(0, 0.01), chance.uniform(0, 0.02))

    writers = [threading.Thread(target=write, args=(key,)) for key in keys for _ in range(2)]
    with kit.running(relay_setup.relay(seconds=3.0, batch=7)):
        with kit.running(relay_setup.relay(seconds=3.0, batch=7)):
            for writer in writers:
                writer.start()
            eventually(lambda: sum(writer.is_alive() for writer in writers) < len(writers))
        for writer in writers:
            writer.join()
        eventually(lambda: not relay_setup.waiting())
    expected = {key: list(range(1, 2 * rounds + 1)) for key in keys}
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete(expected))
    assert (_first_times(records), len(records)) == (expected, 2 * rounds * len(keys))


@pytest.mark.prove
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_killed_or_suspended_relay_loses_nothing(
    relay_setup: RelaySetup, kit: Any, fate: signal.Signals
) -> None:
    expected = {key: list(range(1000)) for key in "abc"}
    for key, numbers in expected.items():
        relay_setup.write(key, *numbers)
    victim = subprocess.Popen([sys.executable, "-c", _RELAY, relay_setup.url, relay_setup.bootstrap])
    try:
        eventually(lambda: relay_setup.backlog() < 2900)
        victim.send_signal(fate)
        assert relay_setup.backlog(), "the relay was done before it was killed; give it more events"
        with kit.running(relay_setup.relay(batch=100)):
            # A process suspended inside a transaction keeps its locks, and its successor waits for them.
            back_at = time.monotonic() + 5
            eventually(lambda: relay_setup.backlog() < 500 or time.monotonic() > back_at)
            victim.send_signal(signal.SIGCONT)  # resumes long after its lease has lapsed
            eventually(lambda: not relay_setup.backlog())
    finally:
        victim.kill()
        victim.wait()
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete(expected))
    assert _first_times(records) == expected


def test_after_a_killed_relay_a_standby_goes_on_within_seconds(relay_setup: RelaySetup, kit: Any) -> None:
    victim = subprocess.Popen([sys.executable, "-c", _RELAY, relay_setup.url, relay_setup.bootstrap])
    try:
        relay_setup.write("a", 1)
        eventually(lambda: not relay_setup.waiting())
        with kit.running(relay_setup.relay(seconds=2.0)):
            time.sleep(0.5)  # it stands by
            victim.kill()
            killed = time.monotonic()
            relay_setup.write("a", 2)
            eventually(lambda: not relay_setup.waiting())
            assert time.monotonic() - killed < 9, (
                "2 s of the lease and half a second to connect, on a busy machine"
            )
    finally:
        victim.kill()
        victim.wait()


def test_a_batch_may_take_longer_than_the_term_of_the_lease(relay_setup: RelaySetup, kit: Any) -> None:
    """A slow broker must not make relays take turns and send everything twice."""
    relay_setup.write("a", *range(20))

    class Slow(Producer):
        def deliver_as(self, *arguments: Any) -> Any:
            time.sleep(1.5)
            return super().deliver_as(*arguments)

    slow = Slow(relay_setup.bootstrap)
    with (
        kit.running(relay_setup.relay(seconds=0.8, producer=slow, batch=10)),
        kit.running(relay_setup.relay(seconds=0.8, producer=slow, batch=10)),
    ):
        eventually(lambda: not relay_setup.waiting())
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete({"a": list(range(20))}))
    assert (_first_times(records), len(records)) == ({"a": list(range(20))}, 20)


def test_a_relay_that_stops_cleanly_hands_over_at_once(relay_setup: RelaySetup, kit: Any) -> None:
    with kit.running(relay_setup.relay(seconds=600.0)):
        relay_setup.write("a", 1)
        eventually(lambda: not relay_setup.waiting())
    with kit.running(relay_setup.relay(seconds=600.0)):
        relay_setup.write("a", 2)
        eventually(lambda: not relay_setup.waiting())


def test_an_oversized_event_blocks_only_its_key(
    relay_setup: RelaySetup, kit: Any, request: pytest.FixtureRequest
) -> None:
    # The embedded broker has no limit.
    real = "kafka" in request.node.callspec.id
    limit = {} if real else {"message.max.bytes": 1_000_000}
    whole = kit.event(relay_setup.topic, 2, "a")
    huge = type(whole)(
        **{name: getattr(whole, name) for name in whole.__slots__} | {"payload": os.urandom(2_000_000)}
    )
    relay_setup.write("a", 1)
    Transactions(relay_setup.engine, lambda connection: Outbox(connection, _OUTBOX)).run(
        lambda outbox: outbox.add(huge)
    )
    relay_setup.write("a", 3)
    relay_setup.write("b", *range(50))
    producer = Producer(relay_setup.bootstrap, options=limit)
    with kit.running(relay_setup.relay(batch=10, producer=producer)):
        eventually(lambda: len(relay_setup.waiting()) == 2)
        relay_setup.write("b", 50)
        eventually(lambda: [row.event.key for row in relay_setup.waiting()] == ["a", "a"])
    expected = {"a": [1], "b": list(range(51))}
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete(expected))
    assert (_first_times(records), len(records)) == (expected, 52)


def test_sent_events_are_deleted_after_the_retention_time(relay_setup: RelaySetup, kit: Any) -> None:
    def stored() -> int:
        with relay_setup.engine.connect() as connection:
            return len(connection.execute(select(_OUTBOX.c.id)).all())

    relay_setup.write("a", 1, 2, 3)
    with kit.running(relay_setup.relay()):
        eventually(lambda: not relay_setup.waiting())
    assert stored() == 3
    with kit.running(relay_setup.relay(keep=timedelta(0))):
        eventually(lambda: stored() == 0)


def test_a_sleeping_relay_can_be_woken(relay_setup: RelaySetup, kit: Any) -> None:
    relay = relay_setup.relay(poll=60.0)
    with kit.running(relay):
        time.sleep(5.5)  # pauses double: the current one lasts 5 s and has 4.5 s to go
        relay_setup.write("a", 1)
        started = time.monotonic()
        relay.wake()
        eventually(lambda: not relay_setup.waiting())
        assert time.monotonic() - started < 3.5


@pytest.fixture
def faulty(tmp_path: Path, topic: str, kit: Any) -> Iterator[tuple[RelaySetup, EmbeddedKafka]]:
    """A setup on SQLite with a broker that the test controls."""
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    _METADATA.create_all(engine)
    with EmbeddedKafka({topic: 2}) as kafka:
        yield RelaySetup(str(engine.url), engine, kafka.bootstrap, topic, kit.event), kafka
    engine.dispose()


@pytest.mark.implementation("embedded")
def test_a_broker_outage_only_delays_events(faulty: tuple[RelaySetup, EmbeddedKafka], kit: Any) -> None:
    relay_setup, kafka = faulty
    expected = {key: list(range(60)) for key in "ab"}
    with kit.running(relay_setup.relay(seconds=1.0)):  # 0.5 s per batch, so it gives up several times
        for number in range(60):
            if number == 20:
                kafka.broker_down()
            if number == 40:
                time.sleep(2.5)
                assert relay_setup.waiting(), "events were marked that were not sent"
                kafka.broker_up()
            for key in "ab":
                relay_setup.write(key, number)
        eventually(lambda: not relay_setup.waiting())
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete(expected))
    assert _first_times(records) == expected


@pytest.mark.implementation("embedded")
def test_rejected_events_are_sent_again_in_order(faulty: tuple[RelaySetup, EmbeddedKafka], kit: Any) -> None:
    relay_setup, kafka = faulty
    expected = {key: list(range(30)) for key in "abc"}
    for number in range(30):
        for key in "abc":
            relay_setup.write(key, number)
    produce = 0
    kafka.push_errors(produce, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 3)
    with kit.running(relay_setup.relay(batch=20, again=0.5)):
        eventually(lambda: not relay_setup.waiting())
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete(expected))
    assert _first_times(records) == expected


@pytest.mark.implementation("embedded")
def test_the_relay_survives_a_database_outage(faulty: tuple[RelaySetup, EmbeddedKafka], kit: Any) -> None:
    class Away(OutboxReader):
        """Fails the first few times."""

        left = 3

        def unsent(self, limit: int) -> list[OutboxRow]:
            if self.left:
                self.left -= 1
                raise Unavailable("The database is away.")
            return super().unsent(limit)

    relay_setup, _ = faulty
    relay_setup.write("a", 1, 2, 3)
    with kit.running(relay_setup.relay(reader=Away(relay_setup.engine, _OUTBOX))):
        eventually(lambda: not relay_setup.waiting())
    records = kit.read(relay_setup.bootstrap, relay_setup.topic, _complete({"a": [1, 2, 3]}))
    assert _first_times(records) == {"a": [1, 2, 3]}
