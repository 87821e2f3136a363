"""Reads request bodies up to the size limit and parses JSON strictly (RFC 8259).

orjson rejects invalid UTF-8, NaN, lone surrogates and deep nesting, but converts integers above 64 bits to
floats and keeps the last of two equal names. This module rejects both, because each changes what the client
sent.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NoReturn

import orjson

from aether_adapters.kernel.errors import Malformed, TooLarge
from aether_adapters.kernel.text import refuse_nul
from aether_adapters.rest.body_memory import BodyShare
from aether_adapters.rest.depth import check_depth

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_LONG_NUMBER: Final = re.compile(rb"[0-9]{20}")
_LINGER_SECONDS: Final = 1.0
_LINGER_BODY_LIMITS: Final = 8


class ClientGone(Exception):
    """The client disconnected before its request was complete."""


def too_long(announced: bytes, limit: int) -> bool:
    """Whether a Content-Length exceeds `limit` bytes. Raises `Malformed` if it is not a number."""
    if not announced.isdigit():
        raise Malformed("Content-Length", "must be a number")
    return len(announced) > 18 or int(announced) > limit


async def refuse(receive: Receive, limit: int) -> NoReturn:
    """Drain part of an unfinished body that exceeds `limit` bytes, then raise `TooLarge`."""
    await _linger(receive, limit)
    raise TooLarge(f"The body is larger than {limit} bytes.")


async def read_rest(
    receive: Receive, message: MutableMapping[str, Any], limit: int, share: BodyShare
) -> bytes:
    """Return the whole body, at most `limit` bytes, which `share` counts; `message` holds its first part.

    Raises `TooLarge` (for a chunked body as soon as it exceeds the limit), `Exhausted`, `ClientGone`.
    """
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > limit:
            if more:
                await refuse(receive, limit)
            raise TooLarge(f"The body is larger than {limit} bytes.")
        share.take(len(parts[-1]))
        if not more:
            return b"".join(parts)
        message = await receive()
    raise ClientGone


async def _linger(receive: Receive, limit: int) -> None:
    """Read a little of what still arrives: a client cut off while it sends never reads its response."""
    left = limit * _LINGER_BODY_LIMITS
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return


def parse_json(body: bytes, *, floats: bool = True) -> Any:
    """Return the JSON value of `body`; with `floats` false the schema rejects oversized integers, now floats.

    Raises `Malformed`: not JSON, not UTF-8, NaN, nested too deeply, an integer above 64 bits, a repeated
    name, a NUL character.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("", f"the body is not JSON: {error}") from None
    check_depth(body, value)
    # Cheap test for repeated names, far faster than a parsing hook. Every name has a colon, so an object with
    # as many names as the body has colons lost none. Otherwise compare with the re-serialised value: the body
    # has more colons only if a name was dropped (or an escape hides one). A false alarm only costs the slow
    # check.
    colons = body.count(b":")
    if not (type(value) is dict and len(value) == colons) and (
        colons != orjson.dumps(value).count(b":") or b"\\u003" in body
    ):
        _check_names(body)
    if floats and _LONG_NUMBER.search(body):
        _check_integers(body)
    if b"u0000" in body and _NUL.search(body):
        refuse_nul(value)
    return value


def _check_names(body: bytes) -> None:
    def once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise Malformed("", f"the name {name[:100]!r} is repeated in one object")
            found[name] = value
        return found

    _parse_with_hooks(body, object_pairs_hook=once)


def _check_integers(body: bytes) -> None:
    def bounded(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise Malformed("", "holds an integer that does not fit into 64 bits")
        return int(digits)

    _parse_with_hooks(body, parse_int=bounded)


def _parse_with_hooks(body: bytes, **hooks: Callable[[Any], Any]) -> None:
    json.loads(body, **hooks)  # type: ignore[arg-type]  # each hook has the signature its name asks for
