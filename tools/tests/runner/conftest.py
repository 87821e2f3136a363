"""A workspace whose domains are small servers with the roles of real ones, to test `aether run`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

AETHER = Path(sys.executable).with_name("aether")

SERVICE = '''
"""Listens on its configured ports, as a service does. BEHAVE selects a fault to simulate."""

import json, os, signal, socket, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = __package__.split("_", 1)[1].upper() + "_"
roles = sys.argv[1:]
behave = os.environ.get(PREFIX + "BEHAVE", "")
print("roles", *roles, flush=True)
if behave == "broken migration" and "migrate" in roles:
    sys.exit("table is already there")
if behave == "litter":
    subprocess.Popen(["sleep", "1000"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("about to crash", flush=True)
            os._exit(7)
        self.send_response(200)
        self.end_headers()
        settings = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
        self.wfile.write(json.dumps({"pid": os.getpid(), "roles": roles, "settings": settings}).encode())

    def log_message(self, *_):
        pass


def stop(*_):
    print("asked to stop", flush=True)
    if behave != "stubborn":
        os._exit(0)


signal.signal(signal.SIGTERM, stop)
if "rpc" in roles:
    grpc = socket.create_server(("127.0.0.1", int(os.environ[PREFIX + "GRPC_PORT"])))
setting = "REST_PORT" if "api" in roles else "ADMIN_PORT"
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ[PREFIX + setting])), Handler)
server.serve_forever()
'''


@dataclass(slots=True)
class Run:
    """A running `aether run --json`."""

    process: subprocess.Popen[str]
    where: dict[str, Any]
    log: Path
    children: list[int] = field(default_factory=list)

    def rest(self, domain: str = "billing") -> str:
        return str(self.where["domains"][domain]["rest"])

    def stop(self, number: int = signal.SIGINT, seconds: float = 20) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


@dataclass(frozen=True, slots=True)
class RunWorkspace:
    """A workspace, and the environment in which its domains can be imported."""

    root: Path
    environment: dict[str, str]

    def aether(self, *arguments: str, timeout: float = 60, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [AETHER, "run", *arguments],
            cwd=self.root,
            env=self.environment | extra,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str, **extra: str) -> Iterator[Run]:
        """Run `aether run --json` on free ports until it is ready, and stop it after the block."""
        log = self.root / "run.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [AETHER, "run", "--json", "--port-base", "0", *arguments],
                cwd=self.root,
                env=self.environment | extra,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Run(process, json.loads(line), log, descendants(process.pid))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def workspace(tmp_path: Path) -> RunWorkspace:
    """The workspace acme, with the domains billing and trade."""
    (tmp_path / "pyproject.toml").write_text('[tool.aether]\nname = "acme"\n')
    sources = []
    for domain in ("billing", "trade"):
        folder = tmp_path / "domains" / domain
        package = folder / "src" / f"acme_{domain}"
        package.mkdir(parents=True)
        (folder / "pyproject.toml").write_text("[project]\n")
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(SERVICE)
        sources.append(str(folder / "src"))
    quiet = {"NO_COLOR", "AETHER_DEBUG", "AETHER_MYSQL_URL", "AETHER_REDIS_URL", "AETHER_KAFKA"}
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    return RunWorkspace(tmp_path, environment | {"PYTHONPATH": os.pathsep.join(sources)})


def descendants(pid: int) -> list[int]:
    """Return all descendants of a process, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
