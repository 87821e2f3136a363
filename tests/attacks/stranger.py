"""An innocent client, to measure what an attack does to everybody else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

_PAUSE_SECONDS: Final = 0.02
_QUIET_SECONDS: Final = 2.0
_FLOOR_SECONDS: Final = 0.25
"""A P99 under this is fine, whatever it was on a quiet server."""
_FEW_CALLS: Final = 200
_WORK_SECONDS: Final = 0.005
"""Processor time that the bystander takes for an answer."""
_BYSTANDER: Final = f"""
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while connection.recv(65536):
    end = time.process_time() + {_WORK_SECONDS}
    while time.process_time() < end:
        pass
    connection.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
"""
_SLOWEST_SECONDS: Final = 0.75
"""How long the slowest of few calls may take: it is no percentile, and on a busy machine it is the scheduler's."""


@dataclass(slots=True)
class Seen:
    """What a stranger saw: the seconds of each call, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def fraction(self, part: float) -> float:
        """Return the seconds that the fraction `part` of all calls stayed below."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

    @property
    def p99(self) -> float:
        """The 99th percentile of the calls in seconds; of fewer than 200, the slowest one is left out if it took under 0.75 s."""
        ordered = sorted(self.seconds)
        if len(ordered) >= _FEW_CALLS or ordered[-1] > _SLOWEST_SECONDS:
            return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        return ordered[max(0, len(ordered) - 2)]


class Stranger:
    """Calls each of `calls` again and again, each in a thread and with connections of its own."""

    def __init__(self, **calls: Callable[[], httpx.Response]) -> None:
        self._calls = calls

    @contextmanager
    def watching(self) -> Iterator[dict[str, Seen]]:
        """Call during the block; yield what is seen, by the name of the call."""
        seen = {name: Seen() for name in self._calls}
        stop = threading.Event()

        def repeat(name: str, call: Callable[[], httpx.Response]) -> None:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    response = call()
                    if response.status_code == 429:  # once, as a client does that a busy server sends away
                        stop.wait(float(response.headers["retry-after"]))
                        response = call()
                    if response.status_code >= 400:
                        seen[name].errors.append(str(response.status_code))
                except httpx.HTTPError as error:
                    seen[name].errors.append(repr(error))
                seen[name].seconds.append(time.monotonic() - began)
                stop.wait(_PAUSE_SECONDS)

        threads = [threading.Thread(target=repeat, args=each, daemon=True) for each in self._calls.items()]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Measure a quiet time, then the block: the P99 of each call stays below ten times its quiet one, or 250 ms.

        The limits grow with what the machine and this test's own threads do to every server during the block: a
        bystander, which the attack does not touch, computes for its answers, and what these take is measured in the
        same way.
        """
        with self.watching() as quiet:
            time.sleep(_QUIET_SECONDS)
        with bystander() as untouched, untouched.watching() as elsewhere, self.watching() as attacked:
            yield
        slowdown = max(1.0, elsewhere["bystander"].fraction(0.9) / _WORK_SECONDS)
        for name, before in quiet.items():
            during = attacked[name]
            limit = max(_FLOOR_SECONDS, 10 * before.p99) * slowdown
            assert not during.errors, f"{name} failed for a stranger: {during.errors[:3]}"
            assert during.p99 <= limit, (
                f"{name}: P99 {during.p99:.3f} s during the attack, {before.p99:.3f} s before, "
                f"{slowdown:.1f} times as long at a bystander, limit {limit:.3f} s"
            )


@contextmanager
def bystander() -> Iterator[Stranger]:
    """Start a server of one connection, which computes for each answer, and yield its stranger."""
    with (
        subprocess.Popen([sys.executable, "-c", _BYSTANDER], stdout=subprocess.PIPE, text=True) as process,
        httpx.Client(timeout=60) as client,
    ):
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}/"
            yield Stranger(bystander=lambda: client.get(url))
        finally:
            process.kill()
