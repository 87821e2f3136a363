"""ProtoJSON mapping: converts contract values to and from JSON.

Writers are called `..._json`. Readers are named after the proto type, take the JSON value and its pointer in
the request, and raise `kernel.errors.Malformed` with that pointer.
Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct as _struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final, NoReturn
from uuid import UUID

from aether_adapters.kernel.errors import Malformed

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,19})")
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,6}(?P<finer>[0-9]{0,3}))?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_TIMESTAMP_FORMAT: Final = "%04d-%02d-%02dT%02d:%02d:%02d"
_DURATION: Final = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,6})([0-9]{0,3}))?s")
_MAX_DURATION: Final = timedelta(seconds=315_576_000_000)
_MASK_PATH: Final = re.compile(r"[a-z][a-zA-Z0-9]*(\.[a-z][a-zA-Z0-9]*)*")
_UNDERSCORED: Final = re.compile("_([a-z0-9])")
MAX_DEPTH: Final = 100
"""Most levels of objects and lists in a JSON text; protobuf's own limit for nested messages."""
_MAX_STRUCT_DEPTH: Final = 32
_STRUCT_MESSAGES: Final = 3
"""Messages that one level of a Struct takes: Struct, entry, Value."""


def timestamp_json(value: datetime, /) -> str:
    """Format as RFC 3339 in UTC with 0, 3 or 6 fractional digits."""
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    # Takes two thirds of isoformat's time; responses hold many timestamps.
    text = _TIMESTAMP_FORMAT % (value.year, value.month, value.day, value.hour, value.minute, value.second)
    micros = value.microsecond
    if micros == 0:
        return f"{text}Z"
    return f"{text}.{micros // 1000:03d}Z" if micros % 1000 == 0 else f"{text}.{micros:06d}Z"


def duration_json(value: timedelta, /) -> str:
    """Format as seconds with the suffix `s` and 0, 3 or 6 fractional digits."""
    micros = value // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    if fraction == 0:
        return f"{sign}{seconds}s"
    digits = f"{fraction // 1000:03d}" if fraction % 1000 == 0 else f"{fraction:06d}"
    return f"{sign}{seconds}.{digits}s"


def bytes_json(value: bytes, /) -> str:
    """Encode as standard base64 with padding."""
    return base64.b64encode(value).decode("ascii")


def double_json(value: float, /) -> float | str:
    """Return the number, or "NaN", "Infinity" or "-Infinity"."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


class MaskPath(str):
    """One path of a FieldMask, by proto names such as `display_name`; problems show it as `displayName`."""

    __slots__ = ()


def json_name(path: str, /) -> str:
    """A proto name, or a path of them, in ProtoJSON's lowerCamelCase: `owner.zip_code` is `owner.zipCode`."""
    return _UNDERSCORED.sub(lambda found: found[1].upper(), path)


def json_value(value: object, /) -> object:
    """Convert any value that an error may carry; integers become strings, like 64-bit ones in ProtoJSON."""
    match value:
        case MaskPath():
            return json_name(value)
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


def single_json(value: float, /) -> float | str:
    """Return a proto `float` in the fewest digits that identify it, or "NaN", "Infinity" or "-Infinity"."""
    if not math.isfinite(value):
        return double_json(value)
    try:
        nearest = _nearest_single(value)
    except OverflowError:
        return double_json(math.copysign(math.inf, value))
    for digits in (6, 7, 8):
        shortest = float(f"{nearest:.{digits}g}")
        if _nearest_single(shortest) == nearest:
            return shortest
    return float(f"{nearest:.9g}")


def field_mask_json(paths: Sequence[str], /) -> str:
    """Convert proto paths to lowerCamelCase, joined by commas."""
    return ",".join(map(json_name, paths))


def struct_json(value: Mapping[str, object], /) -> dict[str, object]:
    """Convert an object; numbers become floats. Raises `ValueError` for NaN, `TypeError` outside JSON."""
    return {key: struct_value_json(item) for key, item in value.items()}


def struct_list_json(value: Sequence[object], /) -> list[object]:
    """Convert a list, as `struct_json` does."""
    return [struct_value_json(item) for item in value]


def struct_value_json(value: object, /) -> object:
    """Convert any JSON value, as `struct_json` does."""
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            if not math.isfinite(value):
                raise ValueError(f"{value} cannot be held by a google.protobuf.Value")
            return float(value)
        case Mapping():
            return struct_json(value)
        case list() | tuple():
            return struct_list_json(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be held by a google.protobuf.Value")


def _malformed(pointer: str, reason: str) -> NoReturn:
    raise Malformed(pointer, reason) from None


def _between(value: int, least: int, most: int, pointer: str) -> int:
    if not least <= value <= most:
        _malformed(pointer, f"must be between {least} and {most}")
    return value


def _integer(value: object, pointer: str) -> int:
    """Read an integer from ASCII digits: no plus sign, no leading zero, no decimal point."""
    if not isinstance(value, str) or _INTEGER.fullmatch(value) is None:
        _malformed(pointer, "must be an integer, written as a string of digits")
    return int(value)


def _number(value: object, pointer: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        _malformed(pointer, "must be an integer")
    return value


def int64(value: object, pointer: str, /) -> int:
    """Read a string of decimal digits within 64 bits."""
    # Inlined: an order with three items has eight of these, and the calls would cost more than the work.
    if isinstance(value, str) and _INTEGER.fullmatch(value) is not None:
        number = int(value)
        if -(2**63) <= number < 2**63:
            return number
    return _between(_integer(value, pointer), -(2**63), 2**63 - 1, pointer)


def uint64(value: object, pointer: str, /) -> int:
    """Read a string of decimal digits within 64 bits, unsigned."""
    return _between(_integer(value, pointer), 0, 2**64 - 1, pointer)


def int32(value: object, pointer: str, /) -> int:
    """Read a JSON integer within 32 bits."""
    return _between(_number(value, pointer), -(2**31), 2**31 - 1, pointer)


def uint32(value: object, pointer: str, /) -> int:
    """Read a JSON integer within 32 bits, unsigned."""
    return _between(_number(value, pointer), 0, 2**32 - 1, pointer)


def int32_key(key: str, pointer: str, /) -> int:
    """Read a map key (always text in JSON) within 32 bits."""
    return _between(_integer(key, pointer), -(2**31), 2**31 - 1, pointer)


def uint32_key(key: str, pointer: str, /) -> int:
    """Read a map key within 32 bits, unsigned."""
    return _between(_integer(key, pointer), 0, 2**32 - 1, pointer)


def bool_key(key: str, pointer: str, /) -> bool:
    """Read a map key: "true" or "false"."""
    if key not in ("true", "false"):
        _malformed(pointer, "must have the keys true and false only")
    return key == "true"


def double(value: object, pointer: str, /) -> float:
    """Read a JSON number, or "NaN", "Infinity" or "-Infinity"."""
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(str(value))
    if not isinstance(value, int | float) or isinstance(value, bool):
        _malformed(pointer, "must be a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        _malformed(pointer, "is outside the range of a double")
    return found


def single(value: object, pointer: str, /) -> float:
    """Read a proto `float`, rounded to 32 bits so that every transport passes on the same value."""
    found = double(value, pointer)
    try:
        return _nearest_single(found) if math.isfinite(found) else found
    except OverflowError:
        _malformed(pointer, "is outside the range of a float")


def _nearest_single(value: float) -> float:
    (nearest,) = _struct.unpack("<f", _struct.pack("<f", value))
    return float(nearest)


def timestamp(value: object, pointer: str, /) -> datetime:
    """Read RFC 3339 with any offset, to the microsecond, in the years 1 to 9999 UTC; return it in UTC."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        _malformed(pointer, "must be a timestamp such as 2024-02-29T12:30:00Z (RFC 3339)")
    if (found["finer"] or "").strip("0"):
        _malformed(pointer, "is finer than microseconds")
    try:
        return datetime.fromisoformat(found[0].upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        _malformed(pointer, "is not a date in the years 1 to 9999 (UTC)")


def duration(value: object, pointer: str, /) -> timedelta:
    """Read seconds with the suffix `s`, to the microsecond, within ±10,000 years (315,576,000,000 s)."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        _malformed(pointer, "must be seconds such as 1.5s")
    sign, seconds, fraction, finer = found.groups()
    if (finer or "").strip("0"):
        _malformed(pointer, "is finer than microseconds")
    length = timedelta(seconds=int(seconds), microseconds=int((fraction or "").ljust(6, "0")))
    if length > _MAX_DURATION:
        _malformed(pointer, "is longer than 315576000000s")
    return -length if sign else length


def base64_bytes(value: object, pointer: str, /) -> bytes:
    """Decode standard base64 with padding (RFC 4648, section 4), in its canonical form only."""
    if isinstance(value, str) and value.isascii():
        try:
            data = binascii.a2b_base64(value)
        except binascii.Error:
            data = b""
        if bytes_json(data) == value:
            return data
    _malformed(pointer, "must be standard base64 with padding")


def field_mask(value: object, pointer: str, /) -> tuple[str, ...]:
    """Read lowerCamelCase paths joined by commas; return proto paths."""
    if value == "":
        return ()
    paths = value.split(",") if isinstance(value, str) else [""]
    if not all(_MASK_PATH.fullmatch(path) for path in paths):
        _malformed(pointer, "must be fields in lowerCamelCase, joined by commas")
    return tuple(MaskPath(re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", path)) for path in paths)


def struct(value: object, pointer: str, /) -> dict[str, object]:
    """Read an object of at most 32 levels; numbers become floats and lists tuples, as over gRPC.

    Deep inside other messages fewer levels are left, so that whatever is accepted here passes through a gateway too.
    """
    return _object(value, pointer, _levels_at(pointer))


def struct_list(value: object, pointer: str, /) -> tuple[object, ...]:
    """Read a list, as `struct` does."""
    return _list(value, pointer, _levels_at(pointer))


def struct_value(value: object, pointer: str, /) -> object:
    """Read any JSON value, as `struct` does."""
    return _any_value(value, pointer, _levels_at(pointer))


def _levels_at(pointer: str) -> int:
    """Return how many levels a Struct at `pointer` may have."""
    return min(_MAX_STRUCT_DEPTH, (MAX_DEPTH - pointer.count("/")) // _STRUCT_MESSAGES)


def _object(value: object, pointer: str, levels: int) -> dict[str, object]:
    if not isinstance(value, dict):
        _malformed(pointer, "must be an object")
    if levels <= 0:
        _too_deep(pointer)
    return {key: _any_value(item, f"{pointer}/{step(key)}", levels - 1) for key, item in value.items()}


def _list(value: object, pointer: str, levels: int) -> tuple[object, ...]:
    if not isinstance(value, list):
        _malformed(pointer, "must be a list")
    if levels <= 0:
        _too_deep(pointer)
    return tuple([_any_value(item, f"{pointer}/{index}", levels - 1) for index, item in enumerate(value)])


def _any_value(value: object, pointer: str, levels: int) -> object:
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return double(value, pointer)
        case dict():
            return _object(value, pointer, levels)
        case _:
            return _list(value, pointer, levels)


def _too_deep(pointer: str) -> NoReturn:
    _malformed(
        pointer,
        f"is nested deeper than {_MAX_STRUCT_DEPTH} levels, or than {MAX_DEPTH} together with what surrounds it",
    )


def step(name: str, /) -> str:
    """Escape a name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
