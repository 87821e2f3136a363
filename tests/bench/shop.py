"""The course shop as deployed, one process for each domain and role, and the CPU time of its processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis

from tests.bench.processes import cpu_seconds
from tests.shop.system import DOMAINS, ROLES, System, embedded_servers

_PLENTY: Final = "1000000"
_LIMITS: Final = {
    f"{domain.upper()}_{limit}_{what}": _PLENTY
    for domain in DOMAINS
    for limit in ("USER", "ADDRESS", *(["CLAIM"] if domain == "promotion" else []))
    for what in ("RATE", "BURST")
}
"""Rate limits that are checked, and never refuse."""
_IDLE_SECONDS: Final = 3.0
_WINDOW_SECONDS: Final = 0.6
"""Longer than the pauses of the workers, whose last batch must not be missed."""
_SETTLED_FACTOR: Final = 1.5
_SETTLED_MARGIN: Final = 0.01
_SETTLE_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class MeasuredShop:
    """A running shop, and the id of each process."""

    system: System
    pids: Mapping[str, int]

    def used(self) -> dict[str, float]:
        """Return the CPU seconds of each process so far, user and system, with those of its children."""
        return _used(self.pids)

    def idle(self) -> dict[str, float]:
        """Return the CPU seconds that each process uses per second, measured now; there must be no requests."""
        return _rates(self.pids, _IDLE_SECONDS)

    def settle(self, idle: Mapping[str, float]) -> None:
        """Wait until the work behind the answers, such as the relay's, is done and the processes use what they do idle.

        Raises `TimeoutError`.
        """
        give_up = time.monotonic() + _SETTLE_TIMEOUT_SECONDS
        quiet = _SETTLED_FACTOR * sum(idle.values()) + _SETTLED_MARGIN
        while sum(_rates(self.pids, _WINDOW_SECONDS).values()) > quiet:
            if time.monotonic() > give_up:
                raise TimeoutError(f"the shop is still working after {_SETTLE_TIMEOUT_SECONDS:g} s")


@contextmanager
def measured_shop() -> Iterator[MeasuredShop]:
    """Start the shop on embedded servers, with rate limits that never refuse."""
    with tempfile.TemporaryDirectory(prefix="aether-bench-") as name:
        folder = Path(name)
        with embedded_servers(folder) as servers, System(servers, folder, _LIMITS) as system:
            system.wait_until_ready()
            with Redis.from_url(servers.redis) as redis:
                pids = {"redis": int(redis.info("server")["process_id"])}
            pids |= {f"{domain}-{role}": system.pid(domain, role) for domain in DOMAINS for role in ROLES}
            yield MeasuredShop(system, pids)


def _rates(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Return the CPU seconds per second of each process during the next `seconds`."""
    began, before = time.perf_counter(), _used(pids)
    time.sleep(seconds)
    passed, after = time.perf_counter() - began, _used(pids)
    return {name: (used - before[name]) / passed for name, used in after.items()}


def _used(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in pids.items()}
