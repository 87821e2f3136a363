"""`aether run`: runs domains with the servers that they need, until Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from aether_tools.commands.install import install_command
from aether_tools.console import FINDINGS, OK, UsageError, print_error, print_json, print_table
from aether_tools.runner import servers
from aether_tools.runner.children import Children
from aether_tools.runner.log import Log
from aether_tools.runner.plan import Plan, Servers, plan
from aether_tools.runner.ports import Ports
from aether_tools.runner.session import (
    Interruptions,
    ProcessFailed,
    Session,
    StopRequested,
    exclusive_data,
    is_listening,
)
from aether_tools.workspace import KEY_SET, Domain, Workspace


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of the command."""

    domains: tuple[str, ...]
    gateway: bool
    services: bool
    workers: int | None
    port_base: int | None
    data: Path | None
    once_ready: str | None
    as_json: bool


def run(options: RunOptions) -> int:
    """Start all processes, print their addresses and show their logs until Ctrl-C.

    Return the exit code: 1 if a process ended by itself, otherwise 0 or that of --once-ready.
    """
    workspace = Workspace.find(Path.cwd())
    domains = workspace.chosen(options.domains)
    if not domains:
        raise UsageError("no domain to run; create one with `aether new billing --aggregate Invoice`.")
    interruptions = Interruptions()
    data = options.data.absolute() if options.data else workspace.state / "data"
    with interruptions.counted(), exclusive_data(data):
        try:
            return _run(options, workspace, domains, data, interruptions)
        except StopRequested:
            return OK
        except ProcessFailed as failure:
            print_error(f"aether: {failure}; stopped everything.")
            for line in failure.last_lines:
                print_error(f"  {line}")
            for domain in domains:
                if any(f"No module named {domain.package}" in line for line in failure.last_lines):
                    command = " ".join(install_command(workspace, domain))
                    print_error(f"aether: {domain.name} is not installed; run: {command}")
            return FINDINGS


def _run(
    options: RunOptions,
    workspace: Workspace,
    domains: tuple[Domain, ...],
    data: Path,
    interruptions: Interruptions,
) -> int:
    ports = Ports()
    redis, kafka = ports.take(0), ports.take(0)
    backends = (
        servers.from_environment(workspace, domains, os.environ)
        if options.services
        else servers.embedded(domains, data, redis=redis, kafka=kafka)
    )
    layout = plan(
        workspace,
        domains,
        backends,
        ports,
        gateway=options.gateway,
        workers=options.workers,
        port_base=options.port_base,
        environment=os.environ,
    )
    names = [process.name for process in layout.processes] + [each.name for each in layout.companions]
    log = Log(sys.stderr if options.as_json else sys.stdout, [*names, "redis", "kafka"])
    ready: set[str] = set()

    def show(name: str, line: str) -> None:
        if name in servers.NAMES and servers.is_ready_line(line):
            ready.add(name)
        else:
            log.line(name, line)

    children = Children(show)
    with Session(workspace, children, interruptions) as session:
        if not options.services:
            servers.start_embedded(children, workspace, domains, data, redis=redis, kafka=kafka)
        _ensure_keys(workspace)
        # Start the domains at once: their imports take longer than the servers' start.
        session.start(layout.processes)
        session.start_companions(layout.companions)
        if not options.services:
            session.wait_for(lambda: ready >= servers.NAMES, "Redis or Kafka")
        for companion in layout.companions:
            session.wait_for(lambda port=companion.port: is_listening(port), companion.name)  # type: ignore[misc]
        session.wait_until_ready(layout.processes)
        announcement = _announcement(layout, backends)
        if options.as_json:
            print_json(announcement)
        else:
            _print_addresses(layout, backends)
        return session.watch(options.once_ready, json.dumps(announcement))


def _ensure_keys(workspace: Workspace) -> None:
    """Create the development keys if missing; a service does not start without them."""
    missing = [each for each in (workspace.keys, workspace.service_keys) if not (each / KEY_SET).exists()]
    if missing:
        # Imported here because only the first run in a workspace needs it.
        from aether_adapters.auth.tokens import DevelopmentKeys

        for folder in missing:
            DevelopmentKeys(folder).ensure()


def _announcement(layout: Plan, backends: Servers) -> dict[str, object]:
    domains = {
        served.domain.name: {
            "rest": served.rest,
            "docs": served.docs,
            "grpc": served.grpc,
            "companions": {companion.name: companion.url for companion in served.companions},
        }
        for served in layout.served
    }
    return {"ready": True, "domains": domains, "redis": backends.redis, "kafka": backends.kafka}


def _print_addresses(layout: Plan, backends: Servers) -> None:
    rows = [[served.domain.name, served.rest, served.docs, served.grpc] for served in layout.served]
    rows += [[companion.name, companion.url, "", ""] for companion in layout.companions]
    title = f"Ready; Ctrl-C stops everything. Redis {backends.redis}, Kafka {backends.kafka}."
    print_table(title, ["domain", "REST", "docs", "gRPC"], rows, sys.stdout)
