"""Tests of the CloudEvents envelope."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aether_adapters.kafka import NotAnEvent
from aether_adapters.kafka.dead_letters import dead_letter
from aether_adapters.kafka.envelope import Headers, Record, from_record, to_headers
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

_WHOLE: dict[str, str | bytes | None] = {
    "ce_id": "7",
    "ce_type": "Happened",
    "ce_source": "/test",
    "ce_time": "2026-01-02T03:04:05.000006+00:00",
    "ce_specversion": b"1.0",
    "content-type": "application/protobuf",
    "traceparent": b"00-1-2-01",
}


def _record(headers: dict[str, str | bytes | None], value: bytes | None = b"payload") -> Record:
    return Record("t.v1", 3, 14, b"key", value, list(headers.items()))


def test_a_record_becomes_its_event() -> None:
    assert from_record(_record(_WHOLE)) == IncomingEvent(
        id="7",
        type="Happened",
        source="/test",
        key="key",
        payload=b"payload",
        occurred_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        headers={"traceparent": "00-1-2-01"},
        topic="t.v1",
        partition=3,
        offset=14,
    )


def test_the_headers_hold_everything_but_key_and_payload() -> None:
    event = OutgoingEvent(
        type="Happened",
        topic="t.v1",
        key="key",
        payload=b"payload",
        source="/test",
        id="7",
        occurred_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        headers={"traceparent": "00-1-2-01"},
    )
    headers = {name: value.encode() if isinstance(value, str) else value for name, value in to_headers(event)}
    assert headers == {
        name: value.encode() if isinstance(value, str) else value for name, value in _WHOLE.items()
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (_record({}), "no ce_id, ce_type, ce_source, ce_time"),
        (_record(_WHOLE | {"ce_type": None}), "no ce_type"),
        (_record(_WHOLE | {"ce_source": ""}), "no ce_source"),
        (_record(_WHOLE | {"ce_time": "yesterday"}), "ce_time or the key cannot be read"),
        (_record(_WHOLE | {"ce_time": "2026-01-01T00:00:00"}), "no offset from UTC"),
        (_record(_WHOLE | {"ce_specversion": "2.0"}), "not 1.x"),
        (_record(_WHOLE | {"ce_id": b"\xff"}), "ce_id is not UTF-8"),
        (_record(_WHOLE, value=None), "no value"),
        (Record("t.v1", 0, 0, b"\xff", b"", list(_WHOLE.items())), "the key cannot be read"),
    ],
)
def test_an_invalid_event_is_refused_with_the_reason(record: Record, reason: str) -> None:
    with pytest.raises(NotAnEvent, match=reason):
        from_record(record)


def test_a_message_that_dies_again_carries_only_the_last_reason() -> None:
    headers: Headers = [("ce_id", "7"), ("dead_reason", "first"), ("dead_topic", "other.v1")]
    topic, key, value, last = dead_letter(
        Record("t.v1", 3, 14, b"key", b"v", headers), ValueError("second"), "group"
    )
    said = dict(last)
    assert (topic, key, value) == ("t.v1.dead", b"key", b"v")
    assert len(said) == len(last), "no header twice"
    assert datetime.fromisoformat(str(said.pop("dead_at"))).tzinfo == UTC
    assert said == {
        "ce_id": "7",
        "dead_reason": "second",
        "dead_error": "ValueError",
        "dead_group": "group",
        "dead_topic": "t.v1",
        "dead_partition": "3",
        "dead_offset": "14",
    }
