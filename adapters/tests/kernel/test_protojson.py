"""Tests of ProtoJSON, compared with protobuf's own json_format where possible."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from aether_adapters.kernel import protojson
from aether_adapters.kernel.errors import Malformed
from google.protobuf import (
    duration_pb2,
    field_mask_pb2,
    json_format,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

Read = Callable[[Any, str], Any]

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def judge(value: object, message: Message) -> Any:
    """Return what json_format reads from the same JSON."""
    return json_format.Parse(json.dumps(value), message)


def to_dict(message: Message) -> object:
    """Return what json_format writes; a wrapper type does not become a dictionary."""
    return json_format.MessageToDict(message)


def same(one: float, other: float) -> bool:
    """Whether two floats are identical: NaN equals NaN, 0.0 differs from -0.0."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return struct.pack("<d", one) == struct.pack("<d", other)


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (protojson.int64, "0", 0),
        (protojson.int64, "-0", 0),
        (protojson.int64, "9223372036854775807", 2**63 - 1),
        (protojson.int64, "-9223372036854775808", -(2**63)),
        (protojson.uint64, "18446744073709551615", 2**64 - 1),
        (protojson.int32, 2**31 - 1, 2**31 - 1),
        (protojson.int32, -(2**31), -(2**31)),
        (protojson.uint32, 2**32 - 1, 2**32 - 1),
        (protojson.int32_key, "-2147483648", -(2**31)),
        (protojson.uint32_key, "4294967295", 2**32 - 1),
        (protojson.bool_key, "true", True),
        (protojson.bool_key, "false", False),
        (protojson.double, 1, 1.0),
        (protojson.double, -1.5e300, -1.5e300),
        (protojson.double, "-Infinity", -math.inf),
        (protojson.single, 0.1, 0.10000000149011612),
        (protojson.single, "Infinity", math.inf),
        (protojson.base64_bytes, "", b""),
        (protojson.base64_bytes, "+/8=", b"\xfb\xff"),
        (protojson.field_mask, "", ()),
        (protojson.field_mask, "id,displayName,owner.zipCode", ("id", "display_name", "owner.zip_code")),
        (protojson.struct, {"a": [1, {"b": None}], "c": "x"}, {"a": (1.0, {"b": None}), "c": "x"}),
        (protojson.struct_list, [True, []], (True, ())),
        (protojson.struct_value, 3, 3.0),
        (protojson.struct_value, None, None),
    ],
)
def test_a_value_is_read(read: Read, value: object, expected: object) -> None:
    found = read(value, "/x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("read", "values"),
    [
        (
            protojson.int64,
            ["9223372036854775808", "-9223372036854775809", "1.0", " 1", "1 ", "1\n", "+1", "--1", "", "-",
             "1_0", "01", "-01", "1e3", "0x1", "١", "１", "²", "9" * 5000, 1, 1.0, True, None, [], {}],
        ),
        (protojson.uint64, ["-1", "18446744073709551616", "٣", 1]),
        (protojson.int32, [2**31, -(2**31) - 1, 1.0, True, "1", None]),
        (protojson.uint32, [-1, 2**32, 1.0, False, "1"]),
        (protojson.int32_key, ["2147483648", "1.0", "", "+1"]),
        (protojson.uint32_key, ["-1", "4294967296"]),
        (protojson.bool_key, ["True", "1", ""]),
        (protojson.double, ["1", "nan", "inf", True, None, math.inf, math.nan, 10**400]),
        (protojson.single, [1e39, "1", -3.5e38, math.nan]),
        (
            protojson.base64_bytes,
            ["A", "AA", "AA=", "AA==\n", " AA==", "AA==AA==", "AB==", "_-8=", "-_8=", "é", "====", 1, None, b"AA=="],
        ),
        (protojson.field_mask, ["a_b", "A", "a,", ",", "a b", "a..b", ".a", "1", "é", None, ["a"]]),
        (protojson.struct, [[], None, "x", {"a": math.nan}, {"a": math.inf}]),
        (protojson.struct_list, [{}, None, [math.nan]]),
    ],
)  # fmt: skip
def test_an_invalid_value_is_malformed(read: Read, values: list[object]) -> None:
    for value in values:
        with pytest.raises(Malformed) as malformed:
            read(value, "/x")
        assert malformed.value.pointer.startswith("/x"), value
        assert malformed.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29T12:30:00Z", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("2024-02-29t12:30:00z", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("2024-02-29T12:30:00.1Z", datetime(2024, 2, 29, 12, 30, 0, 100_000, tzinfo=UTC)),
        ("2024-02-29T12:30:00.000001Z", datetime(2024, 2, 29, 12, 30, 0, 1, tzinfo=UTC)),
        ("2024-02-29T12:30:00.000001000Z", datetime(2024, 2, 29, 12, 30, 0, 1, tzinfo=UTC)),
        ("2024-02-29T12:30:00+05:45", datetime(2024, 2, 29, 6, 45, tzinfo=UTC)),
        ("2024-02-29T12:30:00-00:00", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("2024-12-31T23:30:00-23:59", datetime(2025, 1, 1, 23, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", FIRST),
        ("9999-12-31T23:59:59.999999Z", LAST),
    ],
)
def test_a_timestamp_is_read_as_utc(text: str, moment: datetime) -> None:
    found = protojson.timestamp(text, "/t")
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T12:30:00",
        "2024-02-29 12:30:00Z",
        "2024-02-30T12:30:00Z",
        "2023-02-29T12:30:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T23:60:00Z",
        "2024-02-29T23:59:60Z",
        "2024-02-29T12:30:00.0000001Z",
        "2024-02-29T12:30:00.1234567890Z",
        "2024-02-29T12:30:00.Z",
        "2024-02-29T12:30:00,5Z",
        "2024-02-29T12:30Z",
        "20240229T123000Z",
        "2024-W09-4T12:30:00Z",
        "2024-02-29T12:30:00+24:00",
        "2024-02-29T12:30:00+01",
        "2024-02-29T12:30:00+0100",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٤-02-29T12:30:00Z",
        "2024-02-29T12:30:00Z\n",
        "",
        None,
        1709209800,
    ],
)
def test_an_invalid_timestamp_is_malformed(text: object) -> None:
    with pytest.raises(Malformed):
        protojson.timestamp(text, "/t")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta()),
        ("-0s", timedelta()),
        ("1.5s", timedelta(seconds=1.5)),
        ("-0.000001s", timedelta(microseconds=-1)),
        ("1.000000000s", timedelta(seconds=1)),
        ("315576000000s", timedelta(seconds=315_576_000_000)),
        ("-315576000000s", -timedelta(seconds=315_576_000_000)),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert protojson.duration(text, "/d") == length


@pytest.mark.parametrize(
    "text",
    ["1", "1S", "1.s", ".5s", "1.0000001s", "1.0000000000s", "315576000001s", "315576000000.000001s",
     "-315576000000.1s", "+1s", " 1s", "1s\n", "1e3s", "٣s", "PT1S", "s", "-s", "", None, 1],
)  # fmt: skip
def test_an_invalid_duration_is_malformed(text: object) -> None:
    with pytest.raises(Malformed):
        protojson.duration(text, "/d")


def test_a_malformed_value_inside_a_struct_is_named_by_its_pointer() -> None:
    with pytest.raises(Malformed) as malformed:
        protojson.struct({"a/b": [0, {"c~d": math.nan}]}, "/x")
    assert malformed.value.pointer == "/x/a~1b/1/c~0d"


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def test_a_struct_of_the_maximum_depth_can_be_parsed_from_the_wire() -> None:
    deepest = nested(31)
    assert protojson.struct(deepest, "") == deepest
    wire = json_format.ParseDict(deepest, struct_pb2.Struct()).SerializeToString()
    assert json_format.MessageToDict(struct_pb2.Struct.FromString(wire)) == deepest
    with pytest.raises(Malformed, match="nested deeper than 32 levels"):
        protojson.struct(nested(32), "")
    with pytest.raises(DecodeError):
        struct_pb2.Struct.FromString(
            json_format.ParseDict(nested(34), struct_pb2.Struct()).SerializeToString()
        )


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_int64_matches_protobuf(value: int) -> None:
    text = str(value)
    assert protojson.int64(text, "") == judge(text, wrappers_pb2.Int64Value()).value == value


@given(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)))
def test_a_timestamp_matches_protobuf(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    text = protojson.timestamp_json(moment)
    message = judge(text, timestamp_pb2.Timestamp())
    assert json.loads(json_format.MessageToJson(message)) == text
    assert protojson.timestamp(text, "") == moment


def test_a_datetime_of_any_class_and_zone_is_written_in_utc() -> None:
    class Moment(datetime):
        """A subclass, such as libraries that freeze time return."""

    east = timezone(timedelta(hours=1))
    for cls in (datetime, Moment):
        assert protojson.timestamp_json(cls(2024, 2, 29, 12, 30, tzinfo=UTC)) == "2024-02-29T12:30:00Z"
        assert (
            protojson.timestamp_json(cls(2024, 2, 29, 12, 30, 0, 120_000, east)) == "2024-02-29T11:30:00.120Z"
        )
        assert (
            protojson.timestamp_json(cls(1, 1, 1, 0, 0, 0, 1_001, tzinfo=UTC))
            == "0001-01-01T00:00:00.001001Z"
        )


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_a_timestamp_with_an_offset_is_the_same_moment(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert protojson.timestamp(moment.isoformat(), "") == moment


@given(st.timedeltas(-timedelta(seconds=315_576_000_000), timedelta(seconds=315_576_000_000)))
def test_a_duration_matches_protobuf(length: timedelta) -> None:
    text = protojson.duration_json(length)
    assert json.loads(json_format.MessageToJson(judge(text, duration_pb2.Duration()))) == text
    assert protojson.duration(text, "") == length


@given(st.binary(max_size=60))
def test_bytes_match_protobuf(data: bytes) -> None:
    text = protojson.bytes_json(data)
    assert protojson.base64_bytes(text, "") == judge(text, wrappers_pb2.BytesValue()).value == data


@given(st.floats(width=32))
def test_a_float_is_written_as_protobuf_writes_it(value: float) -> None:
    written = protojson.single_json(value)
    assert written == to_dict(wrappers_pb2.FloatValue(value=value))
    assert same(protojson.single(written, ""), value)


@given(st.floats())
def test_a_double_is_written_as_protobuf_writes_it(value: float) -> None:
    written = protojson.double_json(value)
    assert written == to_dict(wrappers_pb2.DoubleValue(value=value))
    assert same(protojson.double(written, ""), value)


@given(st.lists(st.from_regex(r"[a-z][a-z]*(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)?", fullmatch=True), max_size=4))
def test_a_field_mask_matches_protobuf(paths: list[str]) -> None:
    text = protojson.field_mask_json(paths)
    assert text == field_mask_pb2.FieldMask(paths=paths).ToJsonString()
    assert protojson.field_mask(text, "") == tuple(paths)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_a_struct_matches_protobuf(value: dict[str, Any]) -> None:
    message = json_format.ParseDict(value, struct_pb2.Struct())
    assert protojson.struct_json(protojson.struct(value, "")) == json_format.MessageToDict(message)


@pytest.mark.parametrize("value", [{"a": math.nan}, {"a": [math.inf]}])
def test_a_struct_with_nan_or_infinity_is_not_written(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"cannot be held by a google\.protobuf\.Value"):
        protojson.struct_json(value)


def test_a_struct_with_a_value_outside_json_is_not_written() -> None:
    with pytest.raises(TypeError, match="bytes cannot be held"):
        protojson.struct_json({"a": b""})


@pytest.mark.parametrize(("value", "written"), [(1e39, "Infinity"), (-1e39, "-Infinity"), (math.nan, "NaN")])
def test_a_float_outside_its_range_is_written_as_infinity(value: float, written: str) -> None:
    assert protojson.single_json(value) == written
