"""Describes an exception for a log line: types, messages and places; never a local variable, and never more than a few kB.

What it costs is bounded too, because it runs on the event loop: deep recursion, long chains of causes, large groups and
giant messages are cut, not walked.
"""

from __future__ import annotations

import linecache
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from types import MappingProxyType, TracebackType
from typing import Final
from uuid import UUID

from aether_adapters.kernel.masking import masked

_MAX_ERRORS: Final = 6
_MAX_WALKED: Final = 1000
"""Links of a chain of causes that are walked to find the first cause."""
_OUTER_FRAMES: Final = 5
_INNER_FRAMES: Final = 15
_FRAMES_WITH_SOURCE: Final = 5
_MAX_MESSAGE_CHARACTERS: Final = 1000
_MAX_NOTES: Final = 3
_MAX_ITEMS: Final = 10
_MAX_DEPTH: Final = 2
_CAUSE: Final = "The above exception was the direct cause of the following exception:"
_CONTEXT: Final = "During handling of the above exception, another exception occurred:"
_MEMBER: Final = "The above exception is one of the following group:"
_PLAIN: Final = (type(None), bool, float, date, timedelta, Decimal, Enum, PurePath, UUID, type)
"""Types whose repr is short and says no more than a value."""


CONTAINERS: Final = frozenset({list, tuple, set, frozenset})
"""Sequences whose items are shown; a named tuple is an object with fields, which may be secret."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One place in the code; `line` counts from 1."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Described:
    """One exception. `link` says how it led to the exception described before it; empty for the one that was raised."""

    type: str
    message: str
    frames: Sequence[Frame]
    left_out: int
    """Frames that were cut out after the outermost ones."""
    link: str = ""

    def as_data(self) -> Mapping[str, object]:
        """Return it for a JSON line."""
        data: dict[str, object] = {
            "exc_type": self.type,
            "exc_value": self.message,
            "frames": [{"file": f.file, "line": f.line, "name": f.function} for f in self.frames],
        }
        if self.left_out:
            data["frames_left_out"] = self.left_out
        if self.link:
            data["link"] = {_CAUSE: "cause", _CONTEXT: "context", _MEMBER: "member"}[self.link]
        return data

    def as_text(self) -> Iterator[str]:
        """Yield its lines as Python prints them, with the source of the innermost frames."""
        yield "Traceback (most recent call last):"
        with_source = len(self.frames) - _FRAMES_WITH_SOURCE
        for number, frame in enumerate(self.frames):
            if self.left_out and number == _OUTER_FRAMES:
                yield f"  ... {self.left_out} frames left out ..."
            yield f'  File "{frame.file}", line {frame.line}, in {frame.function}'
            source = linecache.getline(frame.file, frame.line).strip() if number >= with_source else ""
            if source:
                yield f"    {source[:200]}"
        # Indented, so that a message cannot look like a line of the log.
        indented = self.message.replace("\n", "\n    ")
        yield f"{self.type}: {indented}" if indented else self.type


def summary(error: BaseException) -> str:
    """Return type and message on one line, for a log line without a traceback."""
    said = message(error)
    return f"{type(error).__qualname__}: {said}" if said else type(error).__qualname__


def describe(error: BaseException) -> Sequence[Described]:
    """Return `error`, then what caused it and the members of its groups: six exceptions at most, the first cause among them."""
    links = list(islice(_chain(error), _MAX_WALKED))
    if len(links) > _MAX_ERRORS:
        links = [*links[: _MAX_ERRORS - 1], links[-1]]
    return [_described(each, link) for each, link in links]


def as_data(error: BaseException) -> list[Mapping[str, object]]:
    """Return the exceptions for a JSON line, the raised one first."""
    return [each.as_data() for each in describe(error)]


def as_text(error: BaseException) -> str:
    """Return the exceptions in Python's order, the raised one last."""
    parts: list[str] = []
    for each in reversed(describe(error)):
        parts.extend(each.as_text())
        if each.link:
            parts.extend(("", each.link, ""))
    return "\n".join(parts)


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield each exception with its link, nearest first; one that occurs twice, once."""
    seen: set[int] = set()
    waiting = deque([(error, "")])
    while waiting:
        current, link = waiting.popleft()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current, link
        if current.__cause__ is not None:
            waiting.append((current.__cause__, _CAUSE))
        elif current.__context__ is not None and not current.__suppress_context__:
            waiting.append((current.__context__, _CONTEXT))
        if isinstance(current, BaseExceptionGroup):
            waiting.extend((member, _MEMBER) for member in islice(current.exceptions, _MAX_ERRORS))


def _described(error: BaseException, link: str) -> Described:
    frames, left_out = _frames(error.__traceback__)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return Described(name, message(error), frames, left_out, link)


def _frames(traceback: TracebackType | None) -> tuple[list[Frame], int]:
    outer: list[TracebackType] = []
    inner: deque[TracebackType] = deque(maxlen=_INNER_FRAMES)
    count = 0
    while traceback is not None:
        count += 1
        (outer if len(outer) < _OUTER_FRAMES else inner).append(traceback)
        traceback = traceback.tb_next
    kept = [*outer, *inner]
    frames = [
        Frame(each.tb_frame.f_code.co_filename, each.tb_lineno, each.tb_frame.f_code.co_qualname)
        for each in kept
    ]
    return frames, count - len(kept)


def message(error: BaseException) -> str:
    """Return what the exception says, masked and cut; of objects that it holds only the types."""
    kind = type(error)
    if isinstance(error, BaseExceptionGroup):
        text = f"{_shown(error.message)} ({len(error.exceptions)} exceptions)"
    elif kind.__str__ is BaseException.__str__ or isinstance(error, KeyError):
        # Not `str(error)`: it would call the repr of whatever the exception holds, however large.
        arguments = error.args
        only = arguments[0] if len(arguments) == 1 else None
        text = only if isinstance(only, str) else ", ".join(map(shown, arguments[:_MAX_ITEMS]))
    else:
        try:
            text = str(error)
        except Exception as broken:
            text = f"(its message cannot be shown: {type(broken).__qualname__})"
    added = getattr(error, "__notes__", ())
    notes = [_shown(note) for note in added[:_MAX_NOTES]] if isinstance(added, list) else []
    return "\n".join([_cut(text), *notes]) if notes else _cut(text)


def _shown(text: object) -> str:
    return _cut(text) if isinstance(text, str) else shown(text)


def _cut(text: str) -> str:
    # Masked first: what is left of a secret that is cut in half could not be recognised.
    start = masked(text[: 2 * _MAX_MESSAGE_CHARACTERS])
    if len(text) <= _MAX_MESSAGE_CHARACTERS:
        return start
    return f"{start[:_MAX_MESSAGE_CHARACTERS]}... ({len(text)} characters)"


def shown(value: object, depth: int = _MAX_DEPTH) -> str:
    """Return a short repr: containers to ten items and two levels, and of other objects only the type."""
    if isinstance(value, _PLAIN):
        return _cut(repr(value))
    if isinstance(value, int):
        return repr(value) if value.bit_length() < 512 else f"<int of {value.bit_length()} bits>"
    if isinstance(value, BaseException):
        return summary(value)
    if isinstance(value, str | bytes):
        return _cut(repr(value[: 2 * _MAX_MESSAGE_CHARACTERS]))
    if isinstance(value, dict | MappingProxyType) and depth:
        items = (
            f"{shown(k, depth - 1)}: {shown(v, depth - 1)}" for k, v in islice(value.items(), _MAX_ITEMS)
        )
        return _cut(f"{{{', '.join(items)}{', ...' if len(value) > _MAX_ITEMS else ''}}}")
    if isinstance(value, list | tuple | set | frozenset) and type(value) in CONTAINERS and depth:
        some = ", ".join(shown(each, depth - 1) for each in islice(value, _MAX_ITEMS))
        return _cut(f"{type(value).__name__}({some}{', ...' if len(value) > _MAX_ITEMS else ''})")
    return f"<{type(value).__module__}.{type(value).__qualname__}>"
