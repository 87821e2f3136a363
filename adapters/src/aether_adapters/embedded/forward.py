"""Forwards a loopback port to another one."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Forwarder:
    """Forwards every connection on 127.0.0.1:`port` to `target`; raises `OSError` if the port is in use."""

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        self.address = f"127.0.0.1:{port}"
        self._target = target
        self._loop = asyncio.new_event_loop()
        try:
            self._server = self._loop.run_until_complete(
                asyncio.start_server(self._connected, "127.0.0.1", port)
            )
        except OSError:
            self._loop.close()
            raise
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"forward-{port}", daemon=True)
        self._thread.start()

    def lead_to(self, target: tuple[str, int]) -> None:
        """Forward new connections to another target, as after a failover; open ones stay."""
        self._target = target

    def close(self) -> None:
        """Stop listening and close all connections."""
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close_all(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Only `_close_all` cancels; asyncio would log a cancelled connection as an error.
        with contextlib.suppress(asyncio.CancelledError), contextlib.closing(writer):
            try:
                onward_reader, onward_writer = await asyncio.open_connection(*self._target)
            except OSError:
                return  # the target is down, so close the connection
            with contextlib.closing(onward_writer):
                there = asyncio.create_task(_pump(reader, onward_writer))
                back = asyncio.create_task(_pump(onward_reader, writer))
                # Kafka closes both directions at once: when one ends, the connection is over.
                _, pending = await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
