"""Parent process of a service with several workers: keeps their ports, and owns the admin port."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from starlette.types import ASGIApp, Receive, Scope, Send

from aether_adapters.observability.certificates import ServerContext
from aether_adapters.observability.health import unready
from aether_adapters.rest.system_routes import answer, ready_or
from aether_adapters.service.admin import AdminServer, text
from aether_adapters.service.listening import announce, explained, reserved
from aether_adapters.service.process import stop_on_signals
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.worker_link import VARIABLE, families
from aether_adapters.service.workers import Worker, Workers

_SERVERS: Final = {"api": "the REST server", "rpc": "the gRPC server"}
_PREFIXES: Final = {"api": "rest", "rpc": "grpc"}
_STOP_SECONDS: Final = 15.0
"""What a worker may take to stop beyond the time that its requests have."""


def is_worker() -> bool:
    """Return whether this process is a worker already."""
    return VARIABLE in os.environ


def run_workers(package: str, roles: Collection[str], settings: ServiceSettings) -> int:
    """Run `python -m package ROLE...` in `settings.workers` processes until SIGTERM or SIGINT; return the exit code.

    Roles without a server run in one more process. Raises `CannotListen`, and `UnusableFiles` for the TLS of the admin
    port.
    """
    servers = [role for role in _SERVERS if role in roles]
    others = sorted(set(roles) - set(servers))
    with stop_on_signals() as stop, ExitStack() as held:
        ports = {
            _PREFIXES[role]: held.enter_context(reserved(settings, _SERVERS[role])).getsockname()[1]
            for role in servers
        }
        for role in servers:
            announce(settings, _SERVERS[role], ports[_PREFIXES[role]])
        command = [sys.executable, "-m", package]
        all_workers = [
            Worker(str(number), [*command, *servers], ports) for number in range(1, settings.workers + 1)
        ]
        all_workers += [Worker(role, [*command, role], {}) for role in others]
        grace = settings.drain_seconds + settings.grace_seconds + _STOP_SECONDS
        workers = Workers(all_workers, grace=grace)
        if settings.admin_port:
            tls = (
                ServerContext.of("admin", "the admin port", settings.admin_tls)
                if settings.admin_tls
                else None
            )
            with explained(settings, "the admin port"):
                admin = AdminServer(_routes(workers), settings.admin_host, settings.admin_port, tls)
            announce(settings, "the admin port", admin.port)
            admin.start()
            held.callback(admin.stop)
        return workers.run(stop)


class WorkerMetrics(Collector):
    """The metrics of all workers and of the parent, each with the label `worker`.

    They are not added up: the sum of counters would fall when a worker ends, which Prometheus takes for a restart from
    zero, and for gauges no one way to add them is right.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        """Yield each metric once, with the samples of all processes."""
        merged: dict[str, Metric] = {}
        processes = [*self._workers.families(), ("parent", families(REGISTRY.collect()))]
        for worker, found in processes:
            for name, documentation, kind, unit, samples in found:
                metric = merged.setdefault(name, Metric(name, documentation, kind, unit))
                metric.samples += [
                    Sample(sample, {"worker": worker, **labels}, value) for sample, labels, value in samples
                ]
        yield from merged.values()


def _routes(workers: Workers) -> dict[str, ASGIApp]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerMetrics(workers))

    async def alive(_scope: Scope, _receive: Receive, send: Send) -> None:
        if workers.alive():
            await answer(send, 200, b"application/json", b'{"status":"alive"}')
        else:
            await text(send, 503, b"no worker can be started\n")

    async def ready(_scope: Scope, _receive: Receive, send: Send) -> None:
        away = await asyncio.to_thread(workers.away)
        await ready_or(send, unready(["workers"] if away is None else away, draining=workers.draining))

    async def metrics(_scope: Scope, _receive: Receive, send: Send) -> None:
        page = await asyncio.to_thread(generate_latest, registry)
        await answer(send, 200, CONTENT_TYPE_LATEST.encode("ascii"), page)

    return {"/healthz": alive, "/readyz": ready, "/metrics": metrics}
