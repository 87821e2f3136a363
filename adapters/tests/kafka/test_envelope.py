"""Tests of the CloudEvents envelope."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aether_adapters.kafka import NotAnEvent
from aether_adapters.kafka.dead_letters import coordinates, dead_letter
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
        (_record({}), "no ce_id, ce_type, ce_source among"),
        (_record(_WHOLE | {"ce_type": None}), "no ce_type"),
        (_record(_WHOLE | {"ce_source": ""}), "no ce_source"),
        (_record(_WHOLE | {"ce_time": "yesterday"}), "ce_time cannot be read"),
        (_record(_WHOLE | {"ce_time": "2026-01-01T00:00:00"}), "no offset from UTC"),
        (_record(_WHOLE | {"ce_specversion": "2.0"}), "not 1.x"),
        (_record(_WHOLE | {"ce_id": b"\xff"}), "ce_id is not UTF-8"),
        (_record(_WHOLE, value=None), "no value"),
        (_record(_WHOLE | {"ce_time": "9999-12-31T23:59:59-23:00"}), "ce_time cannot be read"),
        (
            replace(_record(_WHOLE), headers=[], fault="The name of a header is not UTF-8."),
            "name of a header",
        ),
    ],
)
def test_an_invalid_event_is_refused_with_the_reason(record: Record, reason: str) -> None:
    with pytest.raises(NotAnEvent, match=reason):
        from_record(record)


@pytest.mark.parametrize("stated", [None, "", b""])
def test_an_event_without_a_time_occurred_when_it_was_sent(stated: str | bytes | None) -> None:
    sent_at = datetime(2026, 3, 4, tzinfo=UTC)
    record = replace(_record(_WHOLE | {"ce_time": stated}), sent_at=sent_at)
    assert from_record(record).occurred_at == sent_at
    assert from_record(replace(record, sent_at=None)).occurred_at.tzinfo is UTC


@pytest.mark.parametrize(
    "stated",
    ["2026-01-02t03:04:05.000006z", "2026-01-02T03:04:05.000006999Z", "2026-01-02T05:04:05.000006+02:00"],
)
def test_every_form_of_rfc_3339_is_read(stated: str) -> None:
    occurred_at = from_record(_record(_WHOLE | {"ce_time": stated})).occurred_at
    assert occurred_at == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_what_other_systems_add_is_passed_over() -> None:
    foreign: Headers = [
        ("span", b"\xff\x00"),
        ("ce_extension", b"\xff"),
        ("empty", None),
        ("x", b"1"),
        ("x", b"2"),
    ]
    record = replace(_record(_WHOLE), key=b"\xff\x00key", headers=[*_WHOLE.items(), *foreign])
    event = from_record(record)
    assert (event.headers, event.key) == ({"traceparent": "00-1-2-01", "x": "2"}, "\\xff\x00key")


def test_a_reason_that_no_header_can_hold_is_escaped() -> None:
    _, _, _, headers = dead_letter(_record(_WHOLE), ValueError("half a pair: \ud800"), "group")
    assert dict(headers)["dead_reason"] == b"half a pair: \\ud800"


def test_the_reason_shows_no_secret_and_is_there_whatever_the_error_is() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def reason(error: Exception) -> object:
        return dict(dead_letter(_record(_WHOLE), error, "group")[3])["dead_reason"]

    assert reason(ValueError("mysql://ann:hunter2@db/x is away")) == b"mysql://ann:***@db/x is away"
    assert reason(Broken()) == b"(its message cannot be shown: RuntimeError)"


def test_coordinates_have_a_key_and_nothing_of_the_message() -> None:
    topic, key, value, headers = coordinates(_record(_WHOLE), ValueError("reason"), "group")
    said = dict(headers)
    assert (topic, key, value) == ("t.v1.dead", "t.v1-3-14", b"")
    assert (said["dead_value_left"], said["dead_offset"], said["dead_reason"]) == ("7", "14", b"reason")
    assert not said.keys() & _WHOLE.keys()


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
        "dead_reason": b"second",
        "dead_error": "ValueError",
        "dead_group": "group",
        "dead_topic": "t.v1",
        "dead_partition": "3",
        "dead_offset": "14",
    }
