"""`aether run`: every domain with everything it needs, and a clean stop."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_tools.commands.install import install_command
from aether_tools.console import FINDINGS, OK, UsageError, say_json, table, tell
from aether_tools.runner import servers
from aether_tools.runner.children import Children
from aether_tools.runner.log import Log
from aether_tools.runner.plan import Plan, Servers, plan
from aether_tools.runner.ports import Ports
from aether_tools.runner.session import Ended, Interruptions, Session, Stopped, alone, listens
from aether_tools.workspace import Domain, Workspace

_PUBLIC_KEYS: Final = "jwks.json"
"""What `DevelopmentKeys` calls its key set."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    domains: tuple[str, ...]
    gateway: bool
    services: bool
    port_base: int | None
    data: Path | None
    once_ready: str | None
    as_json: bool


def run(wish: Wish) -> int:
    """Start everything, say where it is, show the logs until Ctrl-C; 1 where something ended by itself."""
    workspace = Workspace.find(Path.cwd())
    domains = workspace.chosen(wish.domains)
    if not domains:
        raise UsageError(
            "there is no domain to run yet; make one with `aether new billing --aggregate Invoice`."
        )
    interruptions = Interruptions()
    data = wish.data.absolute() if wish.data else workspace.state / "data"
    with interruptions.counted(), alone(data):
        try:
            return _run(wish, workspace, domains, data, interruptions)
        except Stopped:
            return OK
        except Ended as ended:
            tell(f"aether: {ended}; everything is stopped.")
            for line in ended.last:
                tell(f"  {line}")
            for domain in domains:
                if any(f"No module named {domain.package}" in line for line in ended.last):
                    tell(
                        f"aether: {domain.name} is not installed: {' '.join(install_command(workspace, domain))}"
                    )
            return FINDINGS


def _run(
    wish: Wish, workspace: Workspace, domains: tuple[Domain, ...], data: Path, interruptions: Interruptions
) -> int:
    ports = Ports()
    redis, kafka = ports.take(0), ports.take(0)
    behind = (
        servers.from_environment(workspace, domains, os.environ)
        if wish.services
        else servers.embedded(domains, data, redis=redis, kafka=kafka)
    )
    laid_out = plan(
        workspace,
        domains,
        behind,
        ports,
        gateway=wish.gateway,
        port_base=wish.port_base,
        jwks=workspace.keys / _PUBLIC_KEYS,
        environment=os.environ,
    )
    names = [process.name for process in laid_out.processes] + [each.name for each in laid_out.companions]
    log = Log(sys.stderr if wish.as_json else sys.stdout, [*names, "redis", "kafka"])
    answering: set[str] = set()

    def show(name: str, line: str) -> None:
        if name in servers.NAMES and servers.answers(line):
            answering.add(name)
        else:
            log.line(name, line)

    children = Children(show)
    with Session(workspace, children, interruptions) as session:
        if not wish.services:
            servers.start_embedded(children, workspace, domains, data, redis=redis, kafka=kafka)
        # At once: a domain needs longer for its imports than the servers need to be there.
        session.start(laid_out.processes)
        session.start_companions(laid_out.companions)
        _ensure_keys(workspace)
        if not wish.services:
            session.wait_for(lambda: answering >= servers.NAMES, "Redis or Kafka")
        for companion in laid_out.companions:
            session.wait_for(lambda port=companion.port: listens(port), companion.name)  # type: ignore[misc]
        session.wait_until_ready(laid_out.processes)
        announcement = _announcement(laid_out, behind)
        if wish.as_json:
            say_json(announcement)
        else:
            _show_table(laid_out, behind)
        return session.watch(wish.once_ready, json.dumps(announcement))


def _ensure_keys(workspace: Workspace) -> None:
    """Have development keys before anybody is told that all is ready; services read them with the first token."""
    if not (workspace.keys / _PUBLIC_KEYS).exists():
        # Behind the start of everything else, because importing it takes most of a second.
        from aether_adapters.auth.tokens import DevelopmentKeys

        DevelopmentKeys(workspace.keys).ensure()


def _announcement(laid_out: Plan, behind: Servers) -> dict[str, object]:
    domains = {
        served.domain.name: {
            "rest": served.rest,
            "docs": served.docs,
            "grpc": served.grpc,
            "companions": {companion.name: companion.url for companion in served.companions},
        }
        for served in laid_out.served
    }
    return {"ready": True, "domains": domains, "redis": behind.redis, "kafka": behind.kafka}


def _show_table(laid_out: Plan, behind: Servers) -> None:
    rows = [[served.domain.name, served.rest, served.docs, served.grpc] for served in laid_out.served]
    rows += [[companion.name, companion.url, "", ""] for companion in laid_out.companions]
    title = f"Ready; Ctrl-C stops everything. Redis {behind.redis}, Kafka {behind.kafka}."
    table(title, ["domain", "REST", "docs", "gRPC"], rows, sys.stdout)
