"""Reads the ledger: rows from SQL, counters from Redis, every event from Kafka, and the payment provider's account."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import httpx
from aether_adapters.kafka.dead_letters import SUFFIX
from aether_adapters.kafka.envelope import from_record, received
from aether_tools.runner.plan import Servers
from confluent_kafka import Consumer, KafkaException, TopicPartition
from redis import Redis
from sqlalchemy import Connection, Table, create_engine, select
from sqlalchemy.pool import NullPool

from aether_promotion.adapters import tables as promotion
from aether_trade.adapters import tables as trade
from aether_user.adapters import tables as user
from tests.shop.ledger.ledger import Ledger
from tests.shop.ledger.rows import (
    Acknowledged,
    Activity,
    ClaimAuthority,
    ClaimCounter,
    Coupon,
    IdempotencyKey,
    InboxRow,
    Line,
    Message,
    Order,
    OrderPoints,
    OutboxRow,
    Payment,
    Refund,
    Reservation,
    SentBack,
    StockCounter,
    Template,
    User,
)

R = TypeVar("R")

_TOPICS: Final = ("aether.user.v1", "aether.promotion.v1", "aether.trade.v1")
_READ_TIMEOUT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.2
_CLAIM: Final = re.compile(r"\S+=(\d+)")


def read_ledger(servers: Servers, provider: str = "", acknowledged: Acknowledged | None = None) -> Ledger:
    """Read everything that the shop holds. `provider` is the base URL of the simulated payment provider, if any.

    Reads the databases first, so that Kafka then has the events of their rows.
    """
    rows: dict[str, Any] = {"outboxes": {}, "inboxes": {}}
    inboxes = {"trade": trade.INBOX, "user": user.INBOX}
    for domain, tables in (("trade", trade), ("promotion", promotion), ("user", user)):
        engine = create_engine(servers.databases[domain], poolclass=NullPool)
        with engine.connect() as connection:
            rows |= _READERS[domain](connection)
            rows["outboxes"][domain] = _rows(connection, tables.OUTBOX, OutboxRow)
            if domain in inboxes:
                rows["inboxes"][domain] = _rows(connection, inboxes[domain], InboxRow)
    with Redis.from_url(servers.redis, decode_responses=True) as client:
        stock = tuple(_stock(client, [activity.id for activity in rows["activities"]]))
        claims = tuple(_claims(client, [template.id for template in rows["templates"]]))
    account = (
        httpx.get(f"{provider}/books", timeout=_READ_TIMEOUT_SECONDS, trust_env=False).json()
        if provider
        else {}
    )
    return Ledger(
        taken_at=datetime.now(UTC),
        stock=stock,
        claims=claims,
        messages=tuple(read_messages(servers.kafka)),
        payments=tuple(_of(Payment, one) for one in account.get("payments", ())),
        sent_back=tuple(_of(SentBack, one) for one in account.get("refunds", ())),
        acknowledged=acknowledged or Acknowledged(),
        **rows,
    )


def _trade(connection: Connection) -> dict[str, object]:
    return {
        "orders": _rows(connection, trade.ORDERS, Order),
        "lines": _rows(connection, trade.LINES, Line),
        "refunds": _rows(connection, trade.REFUNDS, Refund),
        "keys": _rows(connection, trade.KEYS, IdempotencyKey),
    }


def _promotion(connection: Connection) -> dict[str, object]:
    return {
        "activities": _rows(connection, promotion.ACTIVITIES, Activity),
        "reservations": _rows(connection, promotion.RESERVATIONS, Reservation),
        "templates": _rows(connection, promotion.TEMPLATES, Template),
        "claim_authorities": _rows(connection, promotion.CLAIM_AUTHORITIES, ClaimAuthority),
        "coupons": _rows(connection, promotion.COUPONS, Coupon),
    }


def _user(connection: Connection) -> dict[str, object]:
    return {
        "users": _rows(connection, user.USERS, User),
        "points": _rows(connection, user.ORDER_POINTS, OrderPoints),
    }


_READERS: Final = {"trade": _trade, "promotion": _promotion, "user": _user}


def _rows(connection: Connection, table: Table, kind: type[R]) -> tuple[R, ...]:
    """Return the table's rows, with the columns that are fields of `kind`."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    found = connection.execute(select(*(table.c[name] for name in names)))
    return tuple(kind(**_values(dict(zip(names, row, strict=True)))) for row in found)


def _values(row: dict[str, Any]) -> dict[str, Any]:
    if "coupon_ids" in row:
        row["coupon_ids"] = tuple(json.loads(row["coupon_ids"]))
    return row


def _of(kind: type[R], document: dict[str, Any]) -> R:
    return kind(**{field.name: document[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def _stock(client: Redis, activity_ids: list[int]) -> Iterator[StockCounter]:
    for activity_id in activity_ids:
        left = client.hget(f"aether-promotion:{{stock-{activity_id}}}:sale", "left")
        if left is None:
            continue  # no data: SQL decides alone
        holds: Any = client.hgetall(f"aether-promotion:{{stock-{activity_id}}}:holds")
        yield StockCounter(
            activity_id=activity_id,
            left=int(str(left)),
            holds={int(order): int(seats) for order, seats in holds.items()},
        )


def _claims(client: Redis, template_ids: list[int]) -> Iterator[ClaimCounter]:
    for template_id in template_ids:
        key = f"aether-promotion:{{claims-{template_id}}}"
        generation, left = client.hmget(f"{key}:desk", "generation", "left")
        if left is None:
            continue  # no data
        owners: Any = client.hgetall(f"{key}:owners")
        waiting: Any = client.zrange(f"{key}:waiting", 0, -1)
        yield ClaimCounter(
            template_id=template_id,
            generation=int(str(generation)),
            left=int(str(left)),
            coupons={owner: frozenset(map(int, _CLAIM.findall(claims))) for owner, claims in owners.items()},
            waiting=frozenset(int(member.split("|")[1]) for member in waiting),
        )


def read_messages(bootstrap: str) -> Iterator[Message]:
    """Yield every message of the domains' topics and dead-letter topics, from the first to the current last."""
    reader = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "books", "enable.auto.commit": False, "log_level": 3}
    )
    try:
        known = reader.list_topics(timeout=_READ_TIMEOUT_SECONDS).topics
        partitions = [
            TopicPartition(topic, partition)
            for name in _TOPICS
            for topic in (name, name + SUFFIX)
            if topic in known
            for partition in known[topic].partitions
        ]
        ends: dict[tuple[str, int], int] = {}
        for each in partitions:
            each.offset, end = reader.get_watermark_offsets(each, timeout=_READ_TIMEOUT_SECONDS)
            if each.offset < end:
                ends[each.topic, each.partition] = end
        reader.assign([each for each in partitions if (each.topic, each.partition) in ends])
        give_up = time.monotonic() + _READ_TIMEOUT_SECONDS
        while ends:
            batch = reader.consume(1000, _POLL_SECONDS)  # waits for all thousand, at most this long
            if not batch and time.monotonic() > give_up:
                raise TimeoutError(f"Kafka did not return every message before the offsets {ends}.")
            for message in batch:
                error = message.error()
                if error is not None:
                    raise KafkaException(error)
                record = received(message)
                end = ends.get((record.topic, record.partition), 0)
                if record.offset < end:
                    yield Message.of(from_record(record))
                if record.offset + 1 >= end:
                    ends.pop((record.topic, record.partition), None)
    finally:
        reader.close()
