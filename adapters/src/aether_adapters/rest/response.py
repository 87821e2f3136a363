"""Sends the response of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import orjson
from starlette.types import Message, Send

from aether_adapters.rest.deadlines import Alarm
from aether_adapters.rest.operation import Reply

Header = tuple[bytes, bytes]

_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))
_JSON: Final = (b"content-type", b"application/json")
_EMPTY: Final = (b"content-length", b"0")


class ResponseSender(Alarm):
    """ASGI `send` that adds the request id to every head and records the operation and the status.

    `messages` and `send_whole` are shortcuts that bypass `__call__`.
    """

    __slots__ = ("_stamp", "headers", "operation", "server", "since", "status")

    def __init__(self, send: Send, headers: Mapping[bytes, bytes], stamp: Header, since: float) -> None:
        self.server = send
        """The server's own `send`, for the result of `messages`."""
        self.headers = headers
        """The request's header fields by lowercase name."""
        self._stamp = stamp
        self.since = since
        """Arrival of the request's head on `time.monotonic()`, in seconds."""
        self.operation = ""
        """The operationId; empty for a path outside the contract."""
        self.status = 0
        """0 until a head is sent."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], self._stamp]
        await self.server(message)

    async def send_whole(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send head and body."""
        self.status = status
        headers.append(self._stamp)
        await self.server({"type": "http.response.start", "status": status, "headers": headers})
        await self.server({"type": "http.response.body", "body": body})

    def messages(self, reply: Reply) -> tuple[Message, Message]:
        """Return the head and body messages of a reply; the caller must send both at once."""
        status, fields, body, media_type = reply
        headers: list[Header] = []
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
        headers.append(self._stamp)
        self.status = status
        return (
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": data},
        )


def _printable(value: str) -> bytes:
    """Percent-encode everything outside printable ASCII, which prevents header injection."""
    plain = value.isascii() and value.isprintable()
    return (value if plain else quote(value, safe=_PRINTABLE)).encode("ascii")
