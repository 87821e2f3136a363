"""Conversions between protobuf and Python for generated codecs.

Timestamps and durations are kept to the microsecond, Python's own precision. A finer one is refused instead
of rounded, because a value that changes on its way through a service no longer equals itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from google.protobuf import duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.message import DecodeError, Message

from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.protojson import MaskPath

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DURATION_SECONDS: Final = 315_576_000_000
"""Maximum length of a Duration: 10,000 years. Source: google/protobuf/duration.proto."""

M = TypeVar("M", bound=Message)


def parse(message: type[M], data: bytes, /) -> M:
    """Parse a protobuf message; raises `Malformed` for invalid bytes, or messages nested deeper than 100 levels."""
    try:
        return message.FromString(data)
    except DecodeError as error:
        name = message.DESCRIPTOR.full_name
        raise Malformed("", f"these bytes are no {name}, or are nested deeper than 100 levels") from error


def named(name: str, value: object, /) -> dict[str, Any]:
    """Return an argument whose name is a Python keyword, to be passed with `**`."""
    return {name: value}


def missing(field: str, /) -> Malformed:
    """Return the error for a required message that is missing."""
    return Malformed(field, "is required")


def not_a_member(field: str, number: int, /) -> Malformed:
    """Return the error for an enum field that is unspecified or holds an unknown number."""
    return Malformed(field, "is required" if number == 0 else "is no value of this enum")


def forged(field: str, /) -> Malformed:
    """Return the error for a request that sets its own caller."""
    return Malformed(field, "is filled from the token; leave it out")


def unknown_event(type_name: str, package: str, /) -> Malformed:
    """Return the error for an event type that the contract does not have."""
    return Malformed("type", f"{type_name} is no event of {package}")


def timestamp_to_pb(value: datetime, /) -> timestamp_pb2.Timestamp:
    """Convert an aware datetime; raises `TypeError` for a naive one."""
    since = value - _EPOCH
    return timestamp_pb2.Timestamp(
        seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000
    )


def timestamp_from_pb(message: timestamp_pb2.Timestamp, field: str, /) -> datetime:
    """Convert to a datetime in UTC; raises `Malformed` outside the years 1 to 9999 or below a microsecond."""
    nanos = message.nanos
    if not 0 <= nanos < 1_000_000_000:
        raise Malformed(field, "has nanoseconds outside a second")
    if nanos % 1_000:
        raise Malformed(field, "is finer than microseconds")
    try:
        return _EPOCH + timedelta(0, message.seconds, nanos // 1_000)
    except OverflowError as error:
        raise Malformed(field, "is outside the years 1 to 9999") from error


def duration_to_pb(value: timedelta, /) -> duration_pb2.Duration:
    """Convert to a Duration, whose seconds and nanoseconds have the same sign."""
    micros = value // timedelta(microseconds=1)
    seconds, rest = divmod(abs(micros), 1_000_000)
    sign = -1 if micros < 0 else 1
    return duration_pb2.Duration(seconds=sign * seconds, nanos=sign * rest * 1_000)


def duration_from_pb(message: duration_pb2.Duration, field: str, /) -> timedelta:
    """Convert to a timedelta; raises `Malformed` beyond 10,000 years, below 1 µs, or for mixed signs."""
    seconds, nanos = message.seconds, message.nanos
    if abs(seconds) > _MAX_DURATION_SECONDS or abs(nanos) > 999_999_999:
        raise Malformed(field, "is longer than a duration can be")
    if seconds * nanos < 0:
        raise Malformed(field, "has seconds and nanoseconds of different signs")
    if nanos % 1_000:
        raise Malformed(field, "is finer than microseconds")
    return timedelta(0, seconds, nanos // 1_000)


def field_mask_to_pb(paths: tuple[str, ...], /) -> field_mask_pb2.FieldMask:
    """Convert proto paths to a FieldMask."""
    return field_mask_pb2.FieldMask(paths=paths)


def field_mask_from_pb(message: field_mask_pb2.FieldMask, /) -> tuple[str, ...]:
    """Return the proto paths of a FieldMask."""
    return tuple(map(MaskPath, message.paths))


def value_to_pb(value: object, /) -> struct_pb2.Value:
    """Convert a JSON value; raises `TypeError` for any other."""
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case Mapping():
            return struct_pb2.Value(struct_value=struct_to_pb(value))
        case list() | tuple():
            return struct_pb2.Value(list_value=list_value_to_pb(value))
        case _:
            raise TypeError(f"{type(value).__name__} cannot be held by a google.protobuf.Value")


def value_from_pb(message: struct_pb2.Value, field: str, /) -> object:
    """Convert to None, bool, float, str, mapping or tuple; raises `Malformed` for a Value without a kind."""
    match message.WhichOneof("kind"):
        case "null_value":
            return None
        case "bool_value":
            return message.bool_value
        case "number_value":
            return message.number_value
        case "string_value":
            return message.string_value
        case "struct_value":
            return struct_from_pb(message.struct_value, field)
        case "list_value":
            return list_value_from_pb(message.list_value, field)
        case _:
            raise Malformed(field, "holds a Value without a kind")


def struct_to_pb(value: Mapping[str, object], /) -> struct_pb2.Struct:
    """Convert a mapping of JSON values to a Struct."""
    return struct_pb2.Struct(fields={key: value_to_pb(item) for key, item in value.items()})


def struct_from_pb(message: struct_pb2.Struct, field: str, /) -> Mapping[str, object]:
    """Convert to a mapping; its numbers are floats, as in JSON."""
    return {key: value_from_pb(item, field) for key, item in message.fields.items()}


def list_value_to_pb(value: list[object] | tuple[object, ...], /) -> struct_pb2.ListValue:
    """Convert a list of JSON values to a ListValue."""
    return struct_pb2.ListValue(values=[value_to_pb(item) for item in value])


def list_value_from_pb(message: struct_pb2.ListValue, field: str, /) -> tuple[object, ...]:
    """Convert to a tuple; its numbers are floats, as in JSON."""
    return tuple(value_from_pb(item, field) for item in message.values)
