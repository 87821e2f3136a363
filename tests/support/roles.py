"""Runs a domain's roles as separate processes, with servers that a test can stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from aether_adapters.auth.tokens import DevelopmentKeys
from aether_adapters.embedded import children
from aether_adapters.grpc import probe
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.testing.waiting import eventually
from aether_tools.workspace import ISSUER, PRIVATE_KEY, Workspace

from tests.support.acme import Acme

START_SECONDS: Final = 90.0
"""How long a process may take to be ready: starting is no subject of these tests, and imports are slow on a busy machine."""

STOP_SECONDS: Final = 60.0
"""How long a process may take to end, which is no subject of these tests either."""


@dataclass(frozen=True, slots=True)
class Role:
    """One running process of a domain."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Return everything that it has written."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill it, like a crash."""
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True, slots=True)
class Deployment:
    """The domain billing on fixed ports; `settings` are its variables, without their prefix."""

    acme: Acme
    folder: Path
    settings: Mapping[str, str]
    rest_port: int = field(default_factory=children.free_port)
    grpc_port: int = field(default_factory=children.free_port)

    @property
    def rest(self) -> str:
        """Base URL of the REST API."""
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def grpc(self) -> str:
        """host:port of the gRPC server."""
        return f"127.0.0.1:{self.grpc_port}"

    @contextmanager
    def started(self, *roles: str, **more: str) -> Iterator[Role]:
        """Run `python -m acme_billing roles` with `more` settings; stop it after the block, if it still runs."""
        workspace = Workspace(self.acme.root, self.acme.name)
        for keys in (workspace.keys, workspace.service_keys):
            DevelopmentKeys(keys).ensure()
        settings = {
            "REST_HOST": "127.0.0.1",
            "REST_PORT": str(self.rest_port),
            "GRPC_HOST": "127.0.0.1",
            "GRPC_PORT": str(self.grpc_port),
            "JWKS": workspace.jwks,
            "SERVICE_KEY": str(workspace.service_keys / PRIVATE_KEY),
            "TOKEN_ISSUER": ISSUER,
            "TOKEN_AUDIENCE": self.acme.name,
            "LOG_FORMAT": "console",
            "LOG_LEVEL": "INFO",
            "DRAIN_SECONDS": "0",
            **self.settings,
            **more,
        }
        log = self.folder / f"{'-'.join(roles)}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "acme_billing", *roles],
                cwd=self.acme.root,
                env=self.acme.environment | {f"BILLING_{name}": value for name, value in settings.items()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        role = Role(process, log)
        try:
            yield role
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                role.kill()
                raise AssertionError(
                    f"{roles} did not stop within {STOP_SECONDS:g} s:\n{role.said()[-3000:]}"
                ) from None

    def client(self, token: str) -> httpx.Client:
        """Return a REST client of `token`'s subject."""
        return httpx.Client(base_url=self.rest, headers={"authorization": f"Bearer {token}"}, timeout=20)


def ready(base: str) -> bool:
    """Return whether a REST API is ready."""
    return httpx.get(f"{base}/readyz", timeout=5).status_code == 200


def serving(target: str) -> bool:
    """Return whether the gRPC server at host:port is serving."""
    try:
        probe(target)()
    except Unavailable:
        return False
    return True


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """Stop a process during the block (Linux); it may be killed in it.

    SIGSTOP takes effect asynchronously: on a busy machine threads run on for a while, and one may still answer a
    request. So the block begins once every thread has stopped.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: set(thread_states(pid)) == {"T"}, f"process {pid} stands still")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def thread_states(pid: int) -> list[str]:
    """Return the state of each thread of a process, as in `man proc`: T for a stopped one (Linux)."""
    states = []
    for folder in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            # The name of the thread precedes it, in parentheses, and may contain anything.
            states.append((folder / "stat").read_text().rpartition(") ")[2][0])
    return states


def command_of(pid: int) -> list[str]:
    """Return the command line of a process, to restart it (Linux); empty if it has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []  # it has ended
    return [os.fsdecode(word) for word in words.split(b"\0")[:-1]]
