"""Sends the response of one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson
from starlette.types import Message, Send

from aether_adapters.rest.deadlines import Alarm
from aether_adapters.rest.operation import Reply

Header = tuple[bytes, bytes]

WHOLE_RESPONSE: Final = "aether.whole_response"
"""ASGI extension: a function of status, encoded header fields, more header fields and body that writes a response.

It returns False, having written nothing, if the response must be sent in messages. Names must be in lower case, and
the fields must have the body's Content-Length and no other framing.
"""
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))
_JSON: Final = (b"content-type", b"application/json")
_EMPTY: Final = (b"content-length", b"0")


class ConstantHeaders(NamedTuple):
    """Header fields prepared at start-up, and the same encoded for HTTP/1.1."""

    fields: tuple[Header, ...]
    encoded: bytes

    @classmethod
    def of(cls, fields: Iterable[Header]) -> ConstantHeaders:
        """Encode `fields`."""
        prepared = tuple(fields)
        return cls(prepared, b"".join(b"%s: %s\r\n" % field for field in prepared))


class ResponseSender(Alarm):
    """ASGI `send` that adds the request id and `constant` fields to every head, and records operation and status.

    `prepared` and `send_whole` are shortcuts that bypass `__call__`.
    """

    __slots__ = ("_stamp", "constant", "headers", "operation", "reason", "server", "since", "status")

    def __init__(
        self,
        send: Send,
        headers: Mapping[bytes, bytes],
        stamp: Header,
        constant: ConstantHeaders,
        since: float,
    ) -> None:
        self.server = send
        """The server's own `send`."""
        self.headers = headers
        """The request's header fields by lowercase name."""
        self._stamp = stamp
        self.constant = constant
        """The header fields of every response."""
        self.since = since
        """Arrival of the request's head on `time.monotonic()`, in seconds."""
        self.operation = ""
        """The operationId; empty for a path outside the contract."""
        self.reason = ""
        """Why the caller or its token was refused, for the log."""
        self.status = 0
        """0 until a head is sent."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            sent = message["headers"]
            own = {name for name, _ in sent}
            message["headers"] = [
                *sent,
                *(each for each in self.constant.fields if each[0] not in own),
                self._stamp,
            ]
        await self.server(message)

    async def send_whole(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send head and body."""
        self.status = status
        headers.extend(self.constant.fields)
        headers.append(self._stamp)
        await self.server({"type": "http.response.start", "status": status, "headers": headers})
        await self.server({"type": "http.response.body", "body": body})

    def prepared(self, reply: Reply, cache: Header | None) -> tuple[list[Header], bytes]:
        """Return the header fields, besides the constant ones, and the body; the caller must send all at once.

        `cache` is its Cache-Control field; None if the reply has one.
        """
        status, fields, body, media_type = reply
        headers: list[Header] = [self._stamp]
        if cache is not None:
            headers.append(cache)
        for name, value in fields:
            encoded = name if isinstance(name, bytes) else name.encode("ascii")
            headers.append((encoded, value if isinstance(value, bytes) else _printable(value)))
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else orjson.dumps(body)
            json = media_type == "application/json"
            headers.append(_JSON if json else (b"content-type", media_type.encode("ascii")))
            headers.append((b"content-length", b"%d" % len(data)))
        elif status not in (204, 304):
            headers.append(_EMPTY)
        self.status = status
        return headers, data


def _printable(value: str) -> bytes:
    """Percent-encode everything outside printable ASCII, which prevents header injection."""
    plain = value.isascii() and value.isprintable()
    return (value if plain else quote(value, safe=_PRINTABLE)).encode("ascii")
