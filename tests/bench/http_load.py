"""`python -m tests.bench.http_load port connections`: a load generator with minimal work for each answer.

The first line of standard input is a JSON object: `requests` in base64, sent in turn, and `same_length`. For each
further line "seconds" it keeps every connection busy for that long and prints the number of answers. It waits for a
whole answer before the next request on a connection, and fails if an answer's status differs from the first one's, or,
with `same_length`, its length. `KEY` within a request is replaced by a fresh key each time the request is sent.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import uvloop

from tests.bench.processes import take_core

KEY: Final = "a-key-for-each-request-0000000000"
"""Stands for the Idempotency-Key of a request."""


def fresh(requests: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the requests in turn, endlessly, each with a key that no other request has."""
    mark, run = KEY.encode(), os.urandom(8).hex()
    if not any(mark in request for request in requests):
        yield from itertools.cycle(requests)
    width = len(KEY) - len(run) - 1
    for number, request in enumerate(itertools.cycle(requests)):
        yield request.replace(mark, f"{run}-{number:0{width}}".encode())


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, request: Callable[[], bytes], same_length: bool) -> None:
        self.count = 0
        self.error = ""
        self.running = False
        self.closed = False
        self.idle = asyncio.Event()
        self.idle.set()
        self._request = request
        self._same_length = same_length
        self._length = 0
        self._head = b""
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports have no base class

    def go(self) -> None:
        """Send the first request of a round."""
        self.running = True
        self.idle.clear()
        assert self._transport is not None
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not self._length:
            head, found, _ = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = data
                return
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self._length = len(head) + 4 + int(lengths[0].split(b":")[1])
            self._head = self._head or data[:13]
        if len(data) < self._length:
            self._buffer = data
            return
        self._buffer = b""
        if len(data) != self._length or data[:13] != self._head:
            self.error = f"an answer differs from the first: {data!r}"
            self.running = False
        if not self._same_length:
            self._length = 0
        self.count += 1
        if self.running:
            self._transport.write(self._request())  # type: ignore[union-attr]  # connected, because data arrived
        else:
            self.idle.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self.idle.is_set():  # between rounds a server may close what is idle
            self.error = self.error or f"the server closed the connection: {exc}"
        self.idle.set()


async def main(port: int, connections: int) -> None:
    """Serve rounds until standard input ends."""
    loop = asyncio.get_running_loop()
    plan = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    request = fresh([base64.b64decode(each) for each in plan["requests"]]).__next__

    async def connect() -> Connection:
        _, made = await loop.create_connection(
            lambda: Connection(request, plan["same_length"]), "127.0.0.1", port
        )
        return made

    made = [await connect() for _ in range(connections)]
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        made = [await connect() if each.closed else each for each in made]
        before = sum(each.count for each in made)
        for each in made:
            each.go()
        await asyncio.sleep(float(line))
        for each in made:
            each.running = False
        for each in made:
            await each.idle.wait()
            if each.error:
                raise SystemExit(each.error)
        print(sum(each.count for each in made) - before, flush=True)


if __name__ == "__main__":
    take_core()
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
