"""A TCP link to a server that can be slow, frozen or refused, and that counts the gRPC calls on it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

_CHUNK_BYTES: Final = 65536
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_HEAD_BYTES: Final = 9
_HEADERS: Final = 1
"""Type of the frame that begins a call (RFC 9113, section 6.2)."""


class Link:
    """Forwards 127.0.0.1:`port` to `target`, which `lead_to` sets; the faults are context managers.

    A frozen link accepts connections and passes nothing on until it thaws, like a stopped process. A slow one delays
    whatever the server sends. A refused one resets its connections and accepts none, like a killed process.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._target = ("127.0.0.1", 1)
        self._delay = 0.0
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._calls = 0

    def lead_to(self, target: str) -> None:
        """Forward new connections to `target` (host:port)."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))

    @property
    def address(self) -> str:
        """The link's own host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def calls(self) -> int:
        """The number of gRPC calls that clients have begun over the link so far."""
        return self._calls

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._in_loop(self._flows.clear)
        try:
            yield
        finally:
            self._in_loop(self._flows.set)

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextmanager
    def refused(self) -> Iterator[None]:
        self._run(self._refuse())
        try:
            yield
        finally:
            self._run(self._listen(self.port))

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen(0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _in_loop(self, change: Callable[[], None]) -> None:
        async def apply() -> None:
            change()

        self._run(apply())

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)

    async def _refuse(self) -> None:
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _close(self) -> None:
        await self._refuse()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError, OSError), self._kept(writer):
            await self._flows.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            with self._kept(far_writer):
                there = asyncio.create_task(self._pump(reader, far_writer, self._count_calls()))
                back = asyncio.create_task(self._pump_late(far_reader, writer))
                _, pending = await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()

    @contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, watch: Callable[[bytes], None]
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_CHUNK_BYTES):
                watch(data)
                await self._flows.wait()
                sink.write(data)
                await sink.drain()

    async def _pump_late(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Forward with the delay of each chunk, which later chunks do not wait for."""
        loop, due = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def send() -> None:
            while True:
                at, data = await due.get()
                await asyncio.sleep(at - loop.time())
                await self._flows.wait()
                sink.write(data)
                await sink.drain()

        sending = asyncio.create_task(send())
        try:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(_CHUNK_BYTES):
                    due.put_nowait((loop.time() + self._delay, data))
        finally:
            sending.cancel()

    def _count_calls(self) -> Callable[[bytes], None]:
        """Return a function that takes the bytes of one connection and counts the calls in them; others are ignored."""
        buffer, skip, is_http2 = bytearray(), 0, None

        def take(data: bytes) -> None:
            nonlocal skip, is_http2
            if is_http2 is False:
                return
            buffer.extend(data)
            if is_http2 is None:
                if len(buffer) < len(_PREFACE):
                    is_http2 = None if _PREFACE.startswith(buffer) else False
                    return
                is_http2 = buffer.startswith(_PREFACE)
                del buffer[: len(_PREFACE)]
            while is_http2:
                passed = min(skip, len(buffer))
                del buffer[:passed]
                skip -= passed
                if skip or len(buffer) < _FRAME_HEAD_BYTES:
                    return
                skip = int.from_bytes(buffer[:3], "big")
                self._calls += buffer[3] == _HEADERS
                del buffer[:_FRAME_HEAD_BYTES]

        return take
