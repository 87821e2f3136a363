"""The relay, with its lease, its marks and its guarantees, against a bare producer that reads the same rows.

Both read the outbox in batches of a thousand and send each event with its headers to one broker, idempotently and
acknowledged by all replicas. The relay marks sent rows; the bare producer does not, and starts over.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aether_adapters.embedded import EmbeddedKafka
from aether_adapters.kafka import Producer
from aether_adapters.kafka.envelope import Record, received
from aether_adapters.kernel.events import OutgoingEvent
from aether_adapters.service.outbox_relay import Relay
from aether_adapters.sql import (
    Lease,
    Outbox,
    OutboxReader,
    Transactions,
    connect,
    lease_table,
    outbox_table,
)
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka import Producer as BareProducer
from sqlalchemy import Engine, MetaData, select, update
from sqlalchemy import Row as SqlRow

from tests.bench.harness import Row, Side
from tests.bench.processes import cpu_seconds

_EVENTS: Final = 5_000
_ROWS_PER_BATCH: Final = 1_000
_METADATA: Final = MetaData()
_OUTBOX: Final = outbox_table(_METADATA)
_SPEED: Final = {"linger.ms": 1, "compression.type": "lz4", "partitioner": "murmur2_random", "log_level": 3}
lease_table(_METADATA)


@contextmanager
def _sides() -> Iterator[tuple[Side, Side]]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedKafka({"ours": 4, "theirs": 4}) as kafka:
        engines = [connect(f"sqlite:///{Path(folder) / name}.db") for name in ("ours", "theirs")]
        for engine, topic in zip(engines, ("ours", "theirs"), strict=True):
            _fill(engine, topic)
        ours, theirs = _relay(engines[0], kafka.bootstrap), _bare(engines[1], kafka.bootstrap)
        ours(0.0)
        theirs(0.0)
        if _sent(kafka.bootstrap, "ours") != _sent(kafka.bootstrap, "theirs"):
            raise RuntimeError("the sides sent different messages")
        gc.freeze()  # for both sides, like `run_roles` for a service
        yield ours, theirs
        gc.unfreeze()
        for engine in engines:
            engine.dispose()


def _fill(engine: Engine, topic: str) -> None:
    _METADATA.create_all(engine)
    events = [
        OutgoingEvent(
            id=f"00000000-0000-0000-0000-{number:012}",
            type="acme.billing.v1.InvoiceCreated",
            topic=topic,
            key=str(number % 997),
            payload=b"%0200d" % number,
            source="/acme/billing",
            headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        )
        for number in range(_EVENTS)
    ]
    outbox = Transactions(engine, lambda connection: Outbox(connection, _OUTBOX))
    outbox.run(lambda writer: writer.add(*events))


def _relay(engine: Engine, bootstrap: str) -> Side:
    lease = Lease(engine, "relay", "bench")
    relay = Relay(OutboxReader(engine, _OUTBOX), Producer(bootstrap), lease, batch=_ROWS_PER_BATCH)

    def side(seconds: float) -> float:
        """Return events per CPU second, without those to refill the table."""
        sent, spent, end = 0, 0.0, time.perf_counter() + seconds
        while True:
            with engine.begin() as connection:
                connection.execute(update(_OUTBOX).values(sent_at=None))
            began = _spent()
            for _ in range(_EVENTS // _ROWS_PER_BATCH):
                if not lease.hold():
                    raise RuntimeError("the relay lost its lease")
                count, failed = relay.relay_once()
                if failed or count != _ROWS_PER_BATCH:
                    raise RuntimeError(f"the relay sent {count} and failed on {failed}")
                sent += count
            spent += _spent() - began
            if time.perf_counter() >= end:
                return sent / spent

    return side


def _bare(engine: Engine, bootstrap: str) -> Side:
    options = _SPEED | {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True}
    producer = BareProducer(options)
    rows = select(_OUTBOX).order_by(_OUTBOX.c.id).limit(_ROWS_PER_BATCH)

    def send(row: SqlRow) -> None:  # type: ignore[type-arg]
        headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", row.event_id),
            ("ce_type", row.type),
            ("ce_source", row.source),
            ("ce_time", row.occurred_at.isoformat()),
            ("content-type", "application/protobuf"),
            *json.loads(row.headers).items(),
        ]
        producer.produce(row.topic, row.payload, row.key, headers=headers)

    def side(seconds: float) -> float:
        sent, began, end = 0, _spent(), time.perf_counter() + seconds
        while True:
            last = 0
            for _ in range(_EVENTS // _ROWS_PER_BATCH):
                with engine.connect() as connection:
                    found = connection.execute(rows.where(_OUTBOX.c.id > last)).all()
                for row in found:
                    send(row)
                if producer.flush(30):
                    raise RuntimeError("the bare producer's events did not arrive")
                last = found[-1].id
                sent += len(found)
            if time.perf_counter() >= end:
                return sent / (_spent() - began)

    return side


def _spent() -> float:
    """Return the CPU seconds of this process so far; the broker is a thread of it, for both sides."""
    return cpu_seconds(os.getpid())


def _sent(bootstrap: str, topic: str) -> list[tuple[bytes | None, bytes | None, list[str]]]:
    """Return the messages of the topic, without the time of each event."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "log_level": 3})
    client.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(4)])
    records: list[Record] = []
    while len(records) < _EVENTS:
        records += [received(message) for message in client.consume(_EVENTS, 0.2)]
    client.close()
    return sorted(
        (
            record.key,
            record.value,
            [f"{name}={value!r}" for name, value in record.headers if name != "ce_time"],
        )
        for record in records
    )


ROWS = (Row("outbox-relay", "bare producer reading the same rows", 0.9, "events/cpu-s", _sides, stretch=2.0),)
