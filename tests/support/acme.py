"""A workspace `acme` outside this checkout, scaffolded by the real command, for tests that span members."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.secrets_in_logs import PIPED

AETHER = Path(sys.executable).with_name("aether")


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a finished command."""

    code: int
    out: str

    def succeeded(self) -> str:
        """Return the output. Fails the test if the command failed."""
        assert self.code == 0, self.out
        return self.out


@dataclass(frozen=True, slots=True)
class Running:
    """A system started by `aether run`, and its addresses."""

    process: subprocess.Popen[str]
    where: Mapping[str, Any]
    log: list[str] = field(default_factory=list)

    def rest(self, domain: str = "billing") -> str:
        """Return the base URL of the domain's REST API."""
        return str(self.where["domains"][domain]["rest"])

    def grpc(self, domain: str = "billing") -> str:
        """Return host:port of the domain's gRPC server."""
        return str(self.where["domains"][domain]["grpc"])

    def client(self, token: str | None, domain: str = "billing") -> httpx.Client:
        """Return a REST client that sends `token` with each request."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.rest(domain), headers=headers, timeout=20)


@dataclass(frozen=True, slots=True)
class Acme:
    """A workspace in a separate folder; its code is imported by path, so nothing needs installing."""

    root: Path
    name: str = "acme"

    @property
    def python_path(self) -> str:
        """The folders of this workspace's packages: generated code, and each domain's."""
        sources = [
            self.root / "proto/gen",
            self.root / "openapi/gen",
            *sorted(self.root.glob("domains/*/src")),
        ]
        return os.pathsep.join(str(source) for source in sources)

    @property
    def environment(self) -> dict[str, str]:
        """Return this process's environment, with the workspace importable."""
        return os.environ | {"PYTHONPATH": self.python_path, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}

    def run(self, *command: str, **extra: str) -> Ran:
        """Run a command in the workspace; `extra` adds to its environment."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | extra,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def aether(self, *words: str, **extra: str) -> Ran:
        """Run the aether command in the workspace."""
        return self.run(str(AETHER), *words, **extra)

    def token(self, subject: str = "ada", *more: str) -> str:
        """Return a development token for `subject`."""
        return self.aether("token", "--subject", subject, *more).succeeded().strip().splitlines()[-1]

    @contextmanager
    def running(self, *flags: str, **extra: str) -> Iterator[Running]:
        """Run `aether run` with `flags` and its own data until it is ready; stop it after the block, as by Ctrl-C."""
        with tempfile.TemporaryDirectory(prefix="aether-data-", ignore_cleanup_errors=True) as data:
            process = subprocess.Popen(
                [str(AETHER), "run", "--json", "--port-base", "0", "--data", data, *flags],
                cwd=self.root,
                env=self.environment | extra,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            with stopped(process) as log:
                yield Running(process, await_ready(process, log), log)


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """Yield a list for the log of `process`. After the block stop it, as by Ctrl-C; it must exit cleanly."""
    log: list[str] = []
    PIPED.append(log)
    try:
        yield log
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError("aether run did not stop within 30 s:\n" + "".join(log[-50:])) from None


def await_ready(process: subprocess.Popen[str], log: list[str]) -> Mapping[str, Any]:
    """Return the line of JSON with every address; a thread keeps reading the log."""
    assert process.stdout is not None
    for line in process.stdout:
        log.append(line)
        if line.startswith("{") and '"ready"' in line:
            threading.Thread(target=log.extend, args=(process.stdout,), daemon=True).start()
            return dict(json.loads(line))
    raise AssertionError(f"aether run ended with {process.wait()}:\n{''.join(log)}")


def scaffold(folder: Path, *domains: tuple[str, str], name: str = "acme") -> Acme:
    """Scaffold and generate a workspace in `folder`/`name` with `domains`, each a name and its aggregate."""
    nothing = subprocess.DEVNULL
    command = [str(AETHER), "new", "--workspace", name]
    subprocess.run(command, cwd=folder, check=True, stdin=nothing, stdout=nothing)
    acme = Acme(folder / name, name)
    for domain, aggregate in domains:
        acme.aether("new", domain, "--aggregate", aggregate, "--defaults", "--no-install").succeeded()
    acme.aether("generate").succeeded()
    return acme
