"""Readiness: probes the servers that a service needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from time import monotonic
from types import MappingProxyType

import structlog

from aether_adapters.kernel.errors import Kind, TechnicalError
from aether_adapters.kernel.problems import Problem

Probe = Callable[[], None]
"""Returns if its server responds, else raises."""

_LOG = structlog.get_logger("aether.health")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Result of a probe; `detail` is for the log, not for callers; `seconds` is its duration."""

    ok: bool
    detail: str
    seconds: float


class Health:
    """Runs all probes concurrently, each within `timeout` seconds, and caches the results for `keep` seconds.

    Thread-safe. A probe that hangs counts as failed and is not started again until it returns.
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
        self._beats: dict[str, float] = {}

    @property
    def draining(self) -> bool:
        """Whether the service is shutting down."""
        return self._draining

    def drain(self) -> None:
        """Report not ready from now on, because the service is about to stop."""
        self._draining = True

    def beat(self, part: str) -> None:
        """Report that a part of the process runs; from then on it must do so again and again, until `ended`."""
        self._beats[part] = monotonic()

    def ended(self, part: str) -> None:
        """Report that a part has ended as it should."""
        self._beats.pop(part, None)

    def frozen(self, seconds: float = 10.0) -> list[str]:
        """Return the parts that have not reported for `seconds`: only a restart would repair them."""
        since = monotonic() - seconds
        return sorted(part for part, at in list(self._beats.items()) if at < since)

    def cached(self) -> Mapping[str, ProbeResult] | None:
        """Return the results if they are fresh, else None; never waits."""
        results = self._results
        return results if monotonic() < self._fresh_until else None

    def check(self) -> Mapping[str, ProbeResult]:
        """Return the result of each probe, at most `keep` seconds old; takes about `timeout` seconds at most."""
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
                # A failure with another reason is news too: "not up yet" may hide a refused certificate.
                if before is None or (before.ok, before.detail) != (result.ok, result.detail):
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
    servers: Mapping[str, Callable[[], Probe]] = MappingProxyType({}),
) -> Health:
    """Create the probes that the roles of this process need, and no others.

    `use_cases` is for rpc, and for api unless `arrangement` is "gateway"; then api needs `gateway`. `servers`
    is for both, and `worker` for worker.
    """
    needed: dict[str, Callable[[], Probe]] = {}
    if "api" in roles and arrangement == "gateway":
        needed |= gateway
    if "rpc" in roles or ("api" in roles and arrangement != "gateway"):
        needed |= use_cases
    if "api" in roles or "rpc" in roles:
        needed |= servers
    if "worker" in roles:
        needed |= worker
    return Health({name: make() for name, make in needed.items()})


def not_ready(health: Health) -> Problem | None:
    """Return the problem of a failed readiness check, or None if ready. May wait, as `Health.check` does."""
    away = sorted(name for name, result in health.check().items() if not result.ok)
    return unready(away, draining=health.draining)


def unready(away: list[str], *, draining: bool) -> Problem | None:
    """Return the problem of a service that misses `away` or is `draining`; None if neither."""
    if not away and not draining:
        return None
    return Problem(
        kind=Kind.UNAVAILABLE,
        type="/problems/not-ready",
        title="Not ready",
        detail="The service is stopping." if draining else f"Unavailable: {', '.join(away)}.",
        values={"away": away, "draining": draining},
        retry_after=1.0,
    )


def _started(name: str, probe: Probe) -> Future[ProbeResult]:
    future: Future[ProbeResult] = Future()

    def run() -> None:
        begun = monotonic()
        try:
            probe()
        except Exception as error:
            reason = error.reason if isinstance(error, TechnicalError) else error
            result = ProbeResult(False, f"{type(error).__name__}: {reason}", monotonic() - begun)
        else:
            result = ProbeResult(True, "", monotonic() - begun)
        future.set_result(result)

    threading.Thread(target=run, name=f"probe-{name}", daemon=True).start()
    return future
