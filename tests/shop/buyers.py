"""`python -m tests.shop.buyers rush.json crowd.json`: simulate a crowd of buyers, each with its own connection.

Reads a `Rush` from the first file, and writes a `Crowd` to the second. A buyer behaves like a real client: it retries
with the same Idempotency-Key, after the Retry-After of a 429, 503 or 504, and after a broken connection.
It runs in its own process so that its CPU time does not count as the shop's.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

NO_ANSWER: Final = 0
"""The status of a request whose connection broke, or that was not answered in time."""
TRY_AGAIN: Final = {NO_ANSWER, 429, 500, 503, 504}
_BEING_PLACED: Final = "/order-being-placed"
"""The problem of a request whose key is in use: an earlier attempt is still in progress."""
_ANSWER_SECONDS: Final = 60.0
_CONNECTS: Final = asyncio.Semaphore(100)


@dataclass(frozen=True, slots=True)
class Buyer:
    """A buyer or claimant. `key` is the Idempotency-Key of the request."""

    subject: str
    token: str
    key: str


@dataclass(frozen=True, slots=True)
class Rush:
    """Buyers who all POST `body` to `path`.

    They arrive within `arrival` seconds, 0 for all at once, and give up after `patience` seconds.
    """

    host: str
    port: int
    path: str
    body: dict[str, Any] | None
    buyers: list[Buyer]
    arrival: float = 0.0
    patience: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `sent` is the time of its request in seconds since the rush began; `seconds` is how long it took.

    `retry_after` is the value of Retry-After in seconds, if any.
    """

    status: int
    sent: float
    seconds: float
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The final answer to a buyer: the created object, such as an order, or the problem.

    `seconds` count from the first request.
    """

    subject: str
    key: str
    status: int
    seconds: float
    answers: list[Answer]
    made: dict[str, Any] | None
    problem: str

    @property
    def final(self) -> bool:
        """Whether the buyer knows: the object was created, or there is none left."""
        return self.status in (201, 409) and not self.problem.endswith(_BEING_PLACED)

    @property
    def sent_away(self) -> int:
        """How often the buyer was asked to come back later."""
        return sum(answer.status in (429, 503) for answer in self.answers)

    @property
    def word(self) -> str:
        """The outcome as a word: granted, the last part of the problem's type, or the status."""
        return "granted" if self.made else self.problem.rpartition("/")[2] or str(self.status)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The result of a rush. `most_open` is the largest number of concurrent requests.

    `cpu_seconds` is the CPU time of the simulation itself during the rush, which the shop did not have.
    """

    most_open: int
    seconds: float
    cpu_seconds: float
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def made(self) -> list[dict[str, Any]]:
        """The created objects, such as orders."""
        return [outcome.made for outcome in self.outcomes if outcome.made is not None]

    @property
    def answers(self) -> list[Answer]:
        """Every answer to every buyer."""
        return [answer for outcome in self.outcomes for answer in outcome.answers]

    @classmethod
    def read(cls, file: Path) -> Crowd:
        """Read the file that `main` wrote."""
        document = json.loads(file.read_text())
        outcomes = [
            Outcome(**{**outcome, "answers": [Answer(**answer) for answer in outcome["answers"]]})
            for outcome in document["outcomes"]
        ]
        return cls(document["most_open"], document["seconds"], document["cpu_seconds"], outcomes)


class _Race:
    """Runs a rush and counts its requests."""

    def __init__(self, rush: Rush) -> None:
        self.most_open = 0
        self._open = 0
        self._rush = rush
        self._body = b"" if rush.body is None else json.dumps(rush.body).encode()
        self._connected = asyncio.Event()
        self._waiting = len(rush.buyers)
        self._began = self._used = 0.0

    async def run(self) -> Crowd:
        """Let everybody connect, then start."""
        async with asyncio.TaskGroup() as group:
            buyers = [group.create_task(self._buy(buyer)) for buyer in self._rush.buyers]
        return Crowd(
            self.most_open,
            time.monotonic() - self._began,
            time.process_time() - self._used,
            [buyer.result() for buyer in buyers],
        )

    async def _buy(self, buyer: Buyer) -> Outcome:
        connection = _Connection(self._rush.host, self._rush.port)
        with suppress(OSError):  # the first request tries again
            await connection.open()
        await self._everybody()
        await asyncio.sleep(random.uniform(0, self._rush.arrival))
        request = self._request(buyer)
        answers: list[Answer] = []
        first = time.monotonic()
        while True:
            sent = time.monotonic()
            status, headers, body = await self._ask(connection, request)
            now = time.monotonic()
            retry_after = float(headers["retry-after"]) if "retry-after" in headers else None
            answers.append(Answer(status, sent - self._began, now - sent, retry_after))
            document = json.loads(body) if body else {}
            problem = document.get("type", "")
            pause = float(headers.get("retry-after", 1)) * random.uniform(1, 1.5)
            retryable = status in TRY_AGAIN or problem.endswith(_BEING_PLACED)
            if not retryable or now + pause - first > self._rush.patience:
                break
            await asyncio.sleep(pause)
        connection.close()
        made = document if status == 201 else None
        return Outcome(buyer.subject, buyer.key, status, now - first, answers, made, problem)

    async def _everybody(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._began, self._used = time.monotonic(), time.process_time()
            self._connected.set()
        await self._connected.wait()

    async def _ask(self, connection: _Connection, request: bytes) -> tuple[int, dict[str, str], bytes]:
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await connection.ask(request)
        except (OSError, EOFError, TimeoutError):
            connection.close()
            return NO_ANSWER, {}, b""
        finally:
            self._open -= 1

    def _request(self, buyer: Buyer) -> bytes:
        lines = (
            f"POST {self._rush.path} HTTP/1.1",
            f"Host: {self._rush.host}:{self._rush.port}",
            f"Authorization: Bearer {buyer.token}",
            f"Idempotency-Key: {buyer.key}",
            *(["Content-Type: application/json"] if self._body else []),
            f"Content-Length: {len(self._body)}",
        )
        return "\r\n".join([*lines, "", ""]).encode() + self._body


class _Connection:
    """An HTTP/1.1 connection, one request at a time; it reopens itself after `close`."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, unless already connected."""
        if self._streams is None:
            async with _CONNECTS:
                self._streams = await asyncio.open_connection(*self._address)
        return self._streams

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send a request. Return the answer's status, headers and body. Raises `OSError` or `EOFError`."""
        reader, writer = await self.open()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))

    def close(self) -> None:
        """Close the connection; data in flight is lost."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def main() -> None:
    """Run the rush that the first file describes."""
    # A thousand connections exceed the default limit of a process.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    read, write = (Path(word) for word in sys.argv[1:])
    given = json.loads(read.read_text())
    rush = Rush(**{**given, "buyers": [Buyer(**buyer) for buyer in given["buyers"]]})
    write.write_text(json.dumps(asdict(uvloop.run(_Race(rush).run()))))


if __name__ == "__main__":
    main()
