"""Request bodies: read within the limit, then parsed by the strictest reading of RFC 8259.

orjson refuses bad UTF-8, NaN, lone surrogates and deep nesting, but turns an integer above 64 bits into a float
and keeps the last of two equal names; both are refused here, because each changes what the client said.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NoReturn

import orjson

from aether_adapters.kernel.errors import Malformed, TooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_LONG_NUMBER: Final = re.compile(rb"[0-9]{20}")
_LINGER_SECONDS: Final = 1.0
_LINGER_TIMES: Final = 8


class ClientGone(Exception):
    """The client went away before its request was whole; there is nobody to answer."""


def too_long(announced: bytes, limit: int) -> bool:
    """Whether a Content-Length is above `limit` bytes; raises `Malformed` for one that is no number."""
    if not announced.isdigit():
        raise Malformed("Content-Length", "must be a number")
    return len(announced) > 18 or int(announced) > limit


async def refuse(receive: Receive, limit: int) -> NoReturn:
    """Refuse a body that is above `limit` bytes, and of which more is coming; raises `TooLarge`."""
    await _linger(receive, limit)
    raise TooLarge(f"The body is larger than {limit} bytes.")


async def read_on(receive: Receive, message: MutableMapping[str, Any], limit: int) -> bytes:
    """The whole body, at most `limit` bytes, whose first part is in `message`.

    Raises `TooLarge` (for a chunked body as soon as it is over), `ClientGone`.
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
        if not more:
            return b"".join(parts)
        message = await receive()
    raise ClientGone


async def _linger(receive: Receive, limit: int) -> None:
    """Take in a little of what is still coming: a client that is cut off while it sends never reads its answer."""
    left = limit * _LINGER_TIMES
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
    """The JSON value in `body`; with `floats` false, what becomes a float is left for a schema to refuse.

    Raises `Malformed`: no JSON, no UTF-8, NaN, too deep, an integer beyond 64 bits, one name twice in an object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed("", f"the body is not JSON: {error}") from None
    # Each name that was sent has a colon. An object with as many names as the body has colons lost none of them; and
    # written again, a value has a colon for each name and for each colon in its strings: the body has more only if
    # something was dropped, unless an escape hides one. Far cheaper than a parser that looks, and both err to one side.
    colons = body.count(b":")
    if not (type(value) is dict and len(value) == colons) and (
        colons != orjson.dumps(value).count(b":") or b"\\u003" in body
    ):
        _check_names(body)
    if floats and _LONG_NUMBER.search(body):
        _check_integers(body)
    return value


def _check_names(body: bytes) -> None:
    def once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise Malformed("", f"the name {name[:100]!r} stands twice in one object")
            found[name] = value
        return found

    _slowly(body, object_pairs_hook=once)


def _check_integers(body: bytes) -> None:
    def bounded(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
            raise Malformed("", f"the integer {digits[:40]} does not fit into 64 bits")
        return int(digits)

    _slowly(body, parse_int=bounded)


def _slowly(body: bytes, **hooks: Callable[[Any], Any]) -> None:
    try:
        json.loads(body, **hooks)  # type: ignore[arg-type]  # each hook has the signature its name asks for
    except RecursionError:
        raise Malformed("", "the body is nested too deeply") from None
