"""Renders one log event as a line of text or JSON: bounded in length, and safe to print whatever a client sent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, Literal

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from aether_adapters.kernel.masking import MASK, Known, masked, names_secret
from aether_adapters.observability.tracebacks import CONTAINERS, as_data, as_text, shown

Format = Literal["console", "json"]

MAX_LINE_BYTES: Final = 64 * 1024
"""Length of the longest line, a traceback included."""

_MAX_VALUE_CHARACTERS: Final = 8 * 1024
_MAX_ITEMS: Final = 20
_MAX_DEPTH: Final = 3
_SHORT_CHARACTERS: Final = 500
"""What is left of each value if a line is too long nevertheless."""
_SIMPLE: Final = frozenset({int, float, bool, type(None)})
_OURS: Final = frozenset({"level", "logger", "time", "trace_id", "span_id"})
"""Fields that `logging` adds itself, with nothing to mask."""


def rendering(format: Format, known: Known, *, colours: bool) -> list[Processor]:  # noqa: A002
    """Return the last processors of a line, which make it a string; `colours` are for a terminal.

    They mask the secrets that `known` knows and those that can be recognised. Each value is masked by itself: in a whole
    line the beginning of a secret, which a client may have sent, would hide the fields that follow it.
    """
    values = _Values(known)
    if format == "json":
        return [values.as_data, values.exception_as_data, _render_json]
    console = structlog.dev.ConsoleRenderer(
        colors=colours, timestamp_key="time", exception_formatter=values.print_exception
    )
    return [values.as_text, _escape, lambda *event: _cut(str(console(*event)))]


class _Values:
    """Masks and cuts the values of an event."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def as_text(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Replace objects by a short repr."""
        return self._replaced(event, lambda value: self._masked(shown(value)))

    def as_data(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Replace objects by a short repr; lists and objects of JSON stay what they are."""
        return self._replaced(event, lambda value: self._data(value, _MAX_DEPTH))

    def _replaced(self, event: EventDict, other: Callable[[object], object]) -> EventDict:
        """Mask and cut the values; `other` makes something of those that are neither text nor simple."""
        for name, value in event.items():
            kind = type(value)
            if name in _OURS:
                continue
            if names_secret(name):
                event[name] = MASK
            elif kind is str:
                event[name] = self._text(value, _MAX_VALUE_CHARACTERS)
            elif kind not in _SIMPLE and name != "exc_info":
                event[name] = other(value)
        return event

    def exception_as_data(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Replace `exc_info` by a description of the exception."""
        found = _exception(event.pop("exc_info", None))
        if found is not None:
            event["exception"] = [
                {**each, "exc_value": self._masked(str(each["exc_value"]))} for each in as_data(found)
            ]
        return event

    def print_exception(self, stream: Any, found: ExcInfo) -> None:
        """Write the exception in Python's form."""
        lines = self._masked(as_text(found[1])).split("\n") if found[1] is not None else []
        stream.writelines(f"\n{line}" if line.isprintable() else f"\n{_printable(line)}" for line in lines)

    def _data(self, value: object, depth: int) -> object:
        if type(value) in _SIMPLE:
            return value
        if isinstance(value, str):
            return self._text(value, _SHORT_CHARACTERS)
        if isinstance(value, dict) and depth:
            return {
                self._text(str(key), _SHORT_CHARACTERS): MASK
                if names_secret(str(key))
                else self._data(each, depth - 1)
                for key, each in islice(value.items(), _MAX_ITEMS)
            }
        if isinstance(value, list | tuple | set | frozenset) and type(value) in CONTAINERS and depth:
            return [self._data(each, depth - 1) for each in islice(value, _MAX_ITEMS)]
        return self._masked(shown(value))

    def _text(self, text: str, characters: int) -> str:
        # Masked first: what is left of a secret that is cut in half could not be recognised.
        start = self._masked(text[: 2 * characters])
        return start if len(text) <= characters else f"{start[:characters]}... ({len(text)} characters)"

    def _masked(self, text: str) -> str:
        return masked(self._known.masked(text))


def _escape(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, with which a client could forge lines or steer the operator's terminal."""
    for name, value in event.items():
        if type(value) is str and not value.isprintable():
            event[name] = _printable(value)
    return event


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _cut(line: str) -> str:
    data = line.encode("utf-8", "replace")
    if len(data) <= MAX_LINE_BYTES:
        return line
    return f"{data[: MAX_LINE_BYTES - 100].decode('utf-8', 'ignore')}... ({len(data)} bytes)"


def _exception(given: object) -> BaseException | None:
    """Return the exception that `exc_info` names: itself, a triple, or True for the one being handled."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        line = orjson.dumps(event)
    except TypeError:  # an integer over 64 bits, or text with a lone surrogate
        line = b""
    if line and len(line) <= MAX_LINE_BYTES:
        return line.decode("utf-8")
    short = {name: _printable(str(value)[:_SHORT_CHARACTERS]) for name, value in event.items()}
    return orjson.dumps(dict(islice(short.items(), _MAX_ITEMS))).decode("utf-8")
