"""The ProtoJSON mapping: how values of a contract look in JSON.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID


def timestamp_json(value: datetime, /) -> str:
    """RFC 3339 in UTC with 0, 3 or 6 digits of fraction."""
    moment = value.astimezone(UTC).replace(tzinfo=None)
    precision = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
    return moment.isoformat(timespec="seconds" if moment.microsecond == 0 else precision) + "Z"


def duration_json(value: timedelta, /) -> str:
    """Seconds with an `s`, with 0, 3 or 6 digits of fraction."""
    micros = value // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    if fraction == 0:
        return f"{sign}{seconds}s"
    digits = f"{fraction // 1000:03d}" if fraction % 1000 == 0 else f"{fraction:06d}"
    return f"{sign}{seconds}.{digits}s"


def bytes_json(value: bytes, /) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(value).decode("ascii")


def double_json(value: float, /) -> float | str:
    """A number, or one of "NaN", "Infinity", "-Infinity"."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def json_value(value: object, /) -> object:
    """Any value an error may carry, in ProtoJSON; integers are strings, as 64-bit ones are."""
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return value.value if isinstance(value.value, str) else value.name
        case int():
            return str(value)
        case float():
            return double_json(value)
        case datetime():
            return timestamp_json(value)
        case timedelta():
            return duration_json(value)
        case bytes():
            return bytes_json(value)
        case Decimal() | UUID():
            return str(value)
        case Mapping():
            return {str(key): json_value(item) for key, item in value.items()}
        case tuple() | list():
            return [json_value(item) for item in value]
        case set() | frozenset():
            return sorted((json_value(item) for item in value), key=repr)
        case _:
            return str(value)
