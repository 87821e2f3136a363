"""A hostile HTTP/2 client: sends the frames of gRPC calls one by one, from any loopback address (RFC 9113)."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

DATA: Final = 0x0
HEADERS: Final = 0x1
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PING: Final = 0x6
CONTINUATION: Final = 0x9
ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LARGEST_FRAME: Final = 16_384
_CANCEL: Final = 8
_INITIAL_WINDOW_SIZE: Final = 4


class Attacker:
    """One connection to a gRPC server at port `port`, opened from the loopback address `source`.

    A thread reads what the server sends: `frames` counts the frames by type, `ended` the calls that got their status, and
    `closed` is set when the server ends the connection.
    """

    def __init__(self, port: int, source: str = "127.0.0.2", *, window: int = 65_535) -> None:
        """`window` is how many bytes of a stream the server may send before it is asked for more."""
        self._socket = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
        self._next = 1
        self.frames: Counter[int] = Counter()
        self.ended = 0
        self.closed = threading.Event()
        self._socket.sendall(
            _PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW_SIZE, window))
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def head(self, path: str, metadata: Mapping[str, str] | None = None) -> int:
        """Send the head of a call and nothing else; return its stream."""
        stream, self._next = self._next, self._next + 2
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "attacker",
            "content-type": "application/grpc",
            "te": "trailers",
            **(metadata or {}),
        }
        block = b"".join(_field(name, value) for name, value in fields.items())
        parts = [block[at : at + _LARGEST_FRAME] for at in range(0, len(block), _LARGEST_FRAME)]
        frames = [
            frame(
                CONTINUATION if number else HEADERS,
                END_HEADERS if part is parts[-1] else 0,
                stream,
                part,
            )
            for number, part in enumerate(parts)
        ]
        self.send(b"".join(frames))
        return stream

    def message(self, stream: int, data: bytes, *, compressed: bool = False, end: bool = True) -> None:
        """Send a whole message of a call."""
        self.data(stream, struct.pack(">BI", compressed, len(data)) + data, end=end)

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send bytes of a call's messages."""
        for at in range(0, len(data), _LARGEST_FRAME):
            part = data[at : at + _LARGEST_FRAME]
            last = end and at + _LARGEST_FRAME >= len(data)
            self.send(frame(DATA, END_STREAM if last else 0, stream, part))

    def reset(self, stream: int) -> None:
        """Cancel a call."""
        self.send(frame(RST_STREAM, 0, stream, struct.pack(">I", _CANCEL)))

    def ping(self) -> None:
        """Ask for an acknowledgement."""
        self.send(frame(PING, 0, 0, b"attacker"))

    def send(self, data: bytes) -> None:
        """Send bytes as they are. Raises `OSError` once the server has closed the connection."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):  # the server may have closed it first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reader.join(5)

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        with (
            suppress(OSError, ValueError),
            self._socket.makefile("rb") as file,
        ):  # until either side closes it
            while len(head := file.read(9)) == 9:
                kind, flags = head[3], head[4]
                file.read(int.from_bytes(head[:3]))
                self.frames[kind] += 1
                self.ended += kind == HEADERS and bool(flags & END_STREAM)
                if kind == SETTINGS and not flags & ACK:
                    self.send(frame(SETTINGS, ACK, 0, b""))
        self.closed.set()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return one frame."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _field(name: str, value: str) -> bytes:
    """Return a header field as HPACK's literal without indexing (RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name.encode()) + _text(value.encode())


def _text(text: bytes) -> bytes:
    length = len(text)
    if length < 127:
        return bytes((length,)) + text
    coded, rest = bytearray((127,)), length - 127
    while rest >= 128:
        coded.append(rest % 128 + 128)
        rest //= 128
    coded.append(rest)
    return bytes(coded) + text
