"""The whole shop as deployed: one process for each domain and role, and the simulated payment provider."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer
from aether_adapters.embedded import children
from aether_adapters.sql import migrate
from aether_tools.runner.plan import Plan, Servers, plan
from aether_tools.runner.ports import HOST, Ports
from aether_tools.workspace import ISSUER, Workspace

from tests.shop.servers import DOMAINS, RealServers, embedded_servers, real_servers

__all__ = ["DOMAINS", "ROLES", "RealServers", "Servers", "System", "embedded_servers", "real_servers"]

ROLES: Final = ("rpc", "worker", "api")
ALL: Final = "all"
ROOT: Final = Path(__file__).parents[2]
_PROVIDER: Final = ("trade", "provider")
_NOTHING: Final[Mapping[str, str]] = {}
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For HTTP clients: everything is on loopback, and loading certificates takes longer than most requests."""
_STOP_TIMEOUT_SECONDS: Final = 20.0
"""How long the processes may take to stop before they are killed."""


class System:
    """The shop on `servers`, with its logs in `folder`; `settings` are by full variable name, for every process.

    Each role is a process, or, without `gateway`, each domain is one process whose role is called `all`. Entering
    migrates the databases and starts everything, leaving stops it; `wait_until_ready` waits. A restarted role keeps
    its ports.
    """

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        settings: Mapping[str, str] = _NOTHING,
        *,
        gateway: bool = True,
    ) -> None:
        workspace, self._ports = Workspace.find(ROOT), Ports()  # reserved as long as this object exists
        keys = DevelopmentKeys(workspace.keys).ensure()
        DevelopmentKeys(workspace.service_keys).ensure()
        self._issuer = Issuer(keys.private_key, ISSUER, workspace.name, keys.kid)
        domains = workspace.chosen(DOMAINS)
        layout = plan(workspace, domains, servers, self._ports, gateway=gateway, port_base=0)
        self.rest: Final = {served.domain.name: served.rest for served in layout.served}
        self.grpc: Final = {served.domain.name: served.grpc for served in layout.served}
        (self._beside,) = layout.companions
        self.provider: Final = self._beside.url
        self._settings = {
            role: {**env, **settings} for role, env in _environments(layout, self._ports).items()
        }
        self._servers = servers
        self.folder: Final = folder
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}

    def token(self, subject: str, *roles: str, seconds: float = 3600) -> str:
        """Return a token for `subject` that every domain accepts, for `seconds`."""
        return self._issuer.issue(subject, roles, seconds=seconds)

    def client(self, domain: str, subject: str = "", *roles: str) -> httpx.Client:
        """Return a REST client of `domain` for `subject`, or without a token."""
        headers = {"authorization": f"Bearer {self.token(subject, *roles)}"} if subject else {}
        return httpx.Client(
            base_url=self.rest[domain], headers=headers, timeout=60, trust_env=False, verify=NO_TLS
        )

    def environment(self, domain: str, role: str) -> Mapping[str, str]:
        """Return the environment of the role's process."""
        return self._settings[domain, role]

    def start(self, domain: str, role: str) -> None:
        """Start the role's process, which must not run. Returns at once."""
        assert not self.alive(domain, role), f"{domain} {role} is already running"
        self._processes[domain, role] = children.start(
            [sys.executable, "-m", f"aether_{domain}", *(ROLES if role == ALL else [role])],
            log=self.log(domain, role),
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._settings[domain, role]},
        )

    def kill(self, domain: str, role: str) -> None:
        """Kill the role's process, like a crash."""
        process = self._processes[domain, role]
        process.kill()
        process.wait()

    def pid(self, domain: str, role: str) -> int:
        """Return the process id of the role."""
        return self._processes[domain, role].pid

    def alive(self, domain: str, role: str) -> bool:
        """Return whether the role's process runs."""
        process = self._processes.get((domain, role))
        return process is not None and process.poll() is None

    def ready(self, domain: str) -> bool:
        """Return whether the domain's REST API is ready."""
        return _answers(f"{self.rest[domain]}/readyz")

    def role_ready(self, domain: str, role: str) -> bool:
        """Return whether the role's process is ready."""
        if (domain, role) == _PROVIDER:
            return _answers(f"{self.provider}/books")
        port = self._settings[domain, role].get(f"{domain.upper()}_ADMIN_PORT")
        return _answers(f"http://{HOST}:{port}/readyz") if port else self.ready(domain)

    def wait_until_ready(self, seconds: float = 90) -> None:
        """Wait for every role and the provider. Raises `RuntimeError` with the end of a log if one is not ready in time."""
        for (domain, role), process in self._processes.items():
            children.wait_until(
                lambda domain=domain, role=role: self.role_ready(domain, role),  # type: ignore[misc]
                process,
                log=self.log(domain, role),
                seconds=seconds,
                every=0.1,
            )

    def whole(self) -> bool:
        """Return whether every role and the provider run and are ready."""
        return all(self.alive(*each) and self.role_ready(*each) for each in self._processes)

    def log(self, domain: str, role: str) -> Path:
        """Return the log file of the role's process, which restarts append to."""
        return self.folder / f"{domain}-{role}.log"

    def __enter__(self) -> Self:
        for domain, url in self._servers.databases.items():
            # In this process: one for each domain would pay for all its imports.
            migrate(url, ROOT / "domains" / domain / "migrations")
        try:
            for domain, role in self._settings:
                self.start(domain, role)
            self._start_provider()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start_provider(self) -> None:
        self._processes[_PROVIDER] = children.start(
            [sys.executable, *self._beside.command[1:]], log=self.log(*_PROVIDER), cwd=ROOT
        )

    def _stop(self) -> None:
        """Stop all of them in parallel."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + _STOP_TIMEOUT_SECONDS
        for process in self._processes.values():
            children.stop(process, grace=max(0.1, until - time.monotonic()))


def _environments(layout: Plan, ports: Ports) -> dict[tuple[str, str], dict[str, str]]:
    """Return each role's environment: here the worker is its own process, unlike in `aether run --gateway`."""
    environments: dict[tuple[str, str], dict[str, str]] = {}
    for process in layout.processes:
        name, env = process.domain.name, dict(process.env)
        if "api" in process.roles:
            environments[name, ALL if "rpc" in process.roles else "api"] = env
        else:
            admin = f"{process.domain.prefix}ADMIN_PORT"
            environments[name, "rpc"] = env
            environments[name, "worker"] = {**env, admin: str(ports.take(0))}
    return environments


def _answers(url: str) -> bool:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False, verify=NO_TLS)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK
