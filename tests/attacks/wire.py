"""Raw HTTP/1.1 over a socket: what no well-behaved client library would send, and what comes back."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_SECONDS: Final = 30.0
_PART_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def connect(host: str, port: int) -> socket.socket:
    """Open a TCP connection."""
    return socket.create_connection((host, port), timeout=_SECONDS)


def answers(connection: socket.socket, count: int = 1) -> list[Answer]:
    """Read until `count` responses have come or the server ends the connection; interim (1xx) ones are left out."""
    received = bytearray()
    connection.settimeout(_SECONDS)
    found: list[Answer] = []
    while len(found) < count:
        part = _receive(connection)
        received += part
        found = list(_parsed(bytes(received)))
        if not part:
            break
    return found


def all_answers(connection: socket.socket) -> list[Answer]:
    """Read until the server ends the connection; return every response."""
    return answers(connection, 1_000_000)


def closed_within(connection: socket.socket, seconds: float) -> bool:
    """Whether the server ends the connection within `seconds`; what it sends is read and dropped."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(_PART_BYTES):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def pour(connection: socket.socket, part: bytes, most: int) -> int:
    """Send `part` again and again until `most` bytes are sent or the server answers or ends the connection.

    Returns how many bytes were sent.
    """
    sent = 0
    connection.settimeout(5)
    with suppress(OSError):
        while sent < most:
            sent += connection.send(part)
            if _answered(connection):
                break
    return sent


def trickle(connection: socket.socket, part: bytes, pause: float, seconds: float) -> float:
    """Send `part` every `pause` seconds until the server answers or ends the connection; return how long that took."""
    began = time.monotonic()
    with suppress(OSError):
        while time.monotonic() - began < seconds and not _answered(connection):
            connection.sendall(part)
            time.sleep(pause)
    return time.monotonic() - began


def _answered(connection: socket.socket) -> bool:
    """Whether something, or the end of the connection, has arrived."""
    connection.setblocking(False)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(5)
    return True


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_PART_BYTES)
    except ConnectionError:
        return b""


def _parsed(data: bytes) -> Iterator[Answer]:
    """Yield the complete responses in `data`."""
    while b"\r\n\r\n" in data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if status < 200:
            continue
        length = int(headers.get("content-length", 0))
        if len(data) < length:
            return
        yield Answer(status, headers, data[:length])
        data = data[length:]
