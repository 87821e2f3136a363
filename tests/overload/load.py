"""`python -m tests.overload.load port`: an open-loop load generator for HTTP.

Requests leave at a constant rate, whether earlier ones are answered or not, as those of many independent users do; a
closed loop would slow down with the server and hide its overload (https://www.usenix.org/conference/nsdi-06/open-versus-closed-cautionary-tale).
Each line of standard input is a JSON object with `request` (base64), `rate` (a second) and `seconds`; for each a JSON
object of `Outcome` is printed, whose latencies count from when a request was due.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, Final

import uvloop

MAX_CONNECTIONS: Final = 3000
GOOD_SECONDS: Final = 1.0
"""An answer that takes longer is worth nothing: its user has gone."""
_SLOT_SECONDS: Final = 0.25
_SETTLE_SECONDS: Final = 1.5
"""How long answers are waited for after the last request."""
_STEP_SECONDS: Final = 0.002


@dataclass(slots=True)
class Outcome:
    """What became of the requests of one step. Times are in seconds, `p50` and `p99` those of 2xx answers."""

    rate: float
    seconds: float
    sent: int = 0
    good: int = 0
    """2xx within `GOOD_SECONDS`."""
    late: int = 0
    """2xx after that."""
    unanswered: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    p50: float = 0.0
    p99: float = 0.0
    slots: list[tuple[int, int]] = field(default_factory=list)
    """Requests sent, and good answers among them, by quarters of a second in which they were due."""

    @property
    def goodput(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds


class Connection(asyncio.Protocol):
    """Carries one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: Any = None
        self._due = 0.0
        self._buffer = b""
        self._length = 0
        self._status = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, due: float) -> None:
        self._due = due
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not self._length:
            head, found, _ = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = data
                return
            at = head.lower().find(b"content-length:")
            size = int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
            self._length = len(head) + 4 + size
            self._status = head[9:12].decode()
        if len(data) < self._length:
            self._buffer = data
            return
        self._buffer, self._length = b"", 0
        due, self._due = self._due, 0.0
        self._load.answered(due, self._status)
        self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.open -= 1
        if self._due:
            self._load.answered(self._due, "lost")
        elif self in self._load.idle:
            self._load.idle.remove(self)

    def abort(self) -> None:
        self._due = 0.0
        self._transport.abort()


class Load:
    """The connections to one server."""

    def __init__(self, port: int) -> None:
        self.request = b""
        self.idle: list[Connection] = []
        self.open = 0
        self._port = port
        self._begun = 0.0
        self._answers: list[tuple[float, float, str]] = []
        self._busy: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    def answered(self, due: float, status: str) -> None:
        if due >= self._begun:  # not of an earlier step
            self._answers.append((due, monotonic() - due, status))

    async def step(self, request: bytes, rate: float, seconds: float) -> Outcome:
        """Send `rate` requests a second for `seconds`."""
        self.request = request
        self._answers = []
        self._begun = begun = monotonic()
        wanted, sent, unsent = int(rate * seconds), 0, 0
        while sent < wanted:
            now = monotonic()
            while sent < wanted and (due := begun + sent / rate) <= now:
                sent += 1
                if self.idle:
                    self.idle.pop().send(due)
                elif self.open < MAX_CONNECTIONS:
                    self.open += 1
                    task = asyncio.ensure_future(self._open(due))
                    self._opening.add(task)
                    task.add_done_callback(self._opening.discard)
                else:
                    unsent += 1
            await asyncio.sleep(_STEP_SECONDS)
        end = monotonic() + _SETTLE_SECONDS
        while len(self._answers) + unsent < sent and monotonic() < end:
            await asyncio.sleep(0.01)
        return self._outcome(rate, seconds, sent)

    async def _open(self, due: float) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self), "127.0.0.1", self._port
            )
        except OSError:
            self.open -= 1
            self.answered(due, "refused")
        else:
            connection.send(due)

    def _outcome(self, rate: float, seconds: float, sent: int) -> Outcome:
        made = Outcome(rate, seconds, sent)
        taken = sorted(latency for _, latency, status in self._answers if status.startswith("2"))
        made.good = sum(1 for latency in taken if latency <= GOOD_SECONDS)
        made.late = len(taken) - made.good
        made.statuses = dict(Counter(status for _, _, status in self._answers))
        made.unanswered = sent - len(self._answers)
        if taken:
            made.p50, made.p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
        good = Counter(
            int((due - self._begun) / _SLOT_SECONDS)
            for due, latency, status in self._answers
            if status.startswith("2") and latency <= GOOD_SECONDS
        )
        due_in = Counter(int(number / rate / _SLOT_SECONDS) for number in range(sent))
        made.slots = [(due_in[slot], good[slot]) for slot in sorted(due_in)]
        return made


async def main(port: int) -> None:
    """Take steps until standard input ends."""
    load, loop = Load(port), asyncio.get_running_loop()
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        step = json.loads(line)
        outcome = await load.step(base64.b64decode(step["request"]), step["rate"], step["seconds"])
        print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
