"""Whether the servers a service needs are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from time import monotonic

import structlog

from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.problems import Problem

Probe = Callable[[], None]
"""Returns when its server answers; raises when not."""

_LOG = structlog.get_logger("aether.health")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How a probe went; `detail` is for the log, not for callers; `seconds` is how long it took."""

    ok: bool
    detail: str
    seconds: float


class Health:
    """Runs every probe at once, each within `timeout` seconds, and remembers the results for `keep` seconds.

    Safe to ask from any thread. A probe that hangs counts as away, and is not started again before it returns.
    """

    def __init__(self, probes: Mapping[str, Probe], *, timeout: float = 2.0, keep: float = 1.0) -> None:
        self._probes = dict(probes)
        self._timeout = timeout
        self._keep = keep
        self._lock = threading.Lock()
        self._running: dict[str, Future[ProbeResult]] = {}
        self._results: Mapping[str, ProbeResult] = {}
        self._fresh_until = 0.0
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether the service is on its way out."""
        return self._draining

    def drain(self) -> None:
        """Say no from now on: the service is about to stop."""
        self._draining = True

    def cached(self) -> Mapping[str, ProbeResult] | None:
        """The results, if they are fresh; never waits."""
        results = self._results
        return results if monotonic() < self._fresh_until else None

    def check(self) -> Mapping[str, ProbeResult]:
        """The result of each probe, at most `keep` seconds old; takes at most about `timeout` seconds."""
        with self._lock:
            fresh = self.cached()
            if fresh is not None:
                return fresh
            for name, probe in self._probes.items():
                if name not in self._running or self._running[name].done():
                    self._running[name] = _started(name, probe)
            wait(self._running.values(), timeout=self._timeout)
            results = {
                name: future.result()
                if future.done()
                else ProbeResult(False, f"no answer within {self._timeout:g} s", self._timeout)
                for name, future in self._running.items()
            }
            for name, result in results.items():
                before = self._results.get(name)
                if before is None or before.ok != result.ok:
                    level = _LOG.info if result.ok else _LOG.warning
                    level("probe", name=name, ok=result.ok, detail=result.detail)
            self._results = results
            self._fresh_until = monotonic() + self._keep
            return results

    def ready(self) -> bool:
        """Whether every probe succeeds and the service is not draining."""
        return not_ready(self) is None


def readiness(
    roles: Collection[str],
    arrangement: str,
    *,
    use_cases: Mapping[str, Callable[[], Probe]],
    worker: Mapping[str, Callable[[], Probe]],
    gateway: Mapping[str, Callable[[], Probe]],
) -> Health:
    """Asks for what the roles of one process cannot do their work without, and makes no other probe.

    `use_cases` is asked for where they run, so by rpc, and by api unless its arrangement is `gateway`; then it asks
    for `gateway`, and worker for `worker`.
    """
    needed: dict[str, Callable[[], Probe]] = {}
    if "api" in roles and arrangement == "gateway":
        needed |= gateway
    if "rpc" in roles or ("api" in roles and arrangement != "gateway"):
        needed |= use_cases
    if "worker" in roles:
        needed |= worker
    return Health({name: make() for name, make in needed.items()})


def not_ready(health: Health) -> Problem | None:
    """What a readiness check answers when it says no; None when all is well. May wait, as `Health.check` does."""
    away = sorted(name for name, result in health.check().items() if not result.ok)
    if not away and not health.draining:
        return None
    return Problem(
        kind=Kind.UNAVAILABLE,
        type="/problems/not-ready",
        title="Not ready",
        detail="The service is stopping." if health.draining else f"Away: {', '.join(away)}.",
        values={"away": away, "draining": health.draining},
        retry_after=1.0,
    )


def _started(name: str, probe: Probe) -> Future[ProbeResult]:
    future: Future[ProbeResult] = Future()

    def run() -> None:
        begun = monotonic()
        try:
            probe()
        except Exception as error:
            result = ProbeResult(False, f"{type(error).__name__}: {error}", monotonic() - begun)
        else:
            result = ProbeResult(True, "", monotonic() - begun)
        future.set_result(result)

    threading.Thread(target=run, name=f"probe-{name}", daemon=True).start()
    return future
