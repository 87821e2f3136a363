"""Starts the servers of the overload tables, their load generator, and calls their probes."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from tests.bench.processes import ROOT
from tests.bench.rest_apps import token
from tests.overload.load import Outcome

LOGS: Final = ROOT / "build" / "overload"
_START_SECONDS: Final = 180.0
_PROBE_PAUSE_SECONDS: Final = 0.05
_PROBE_TIMEOUT_SECONDS: Final = 10.0
_PYTHON: Final = (sys.executable, "-W", "ignore::DeprecationWarning", "-m")


@dataclass(slots=True)
class Arrangement:
    """Running servers; `rpc_port` is 0 without a gRPC server."""

    rest_port: int
    rpc_port: int = 0


def request(kind: str) -> bytes:
    """Return the whole HTTP request of one kind of work: `cpu` (5 ms of it) or `wait` (50 ms)."""
    body = b'{"title":"Two courses and a sticker sheet"}' if kind == "cpu" else b""
    line = b"POST /v1/invoices" if kind == "cpu" else b"GET /v1/invoices/7"
    kept = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body) if body else b""
    return b"%s HTTP/1.1\r\nhost: billing\r\nauthorization: Bearer %s\r\n%s\r\n%s" % (
        line,
        token().encode(),
        kept,
        body,
    )


@contextmanager
def arrangement(name: str) -> Iterator[Arrangement]:
    """Run `in-process` or `gateway` (in front of its rpc server) during the block."""
    with ExitStack() as stack:
        if name == "gateway":
            rpc = stack.enter_context(_server("rpc"))
            yield Arrangement(stack.enter_context(_server("gateway", RPC_TARGET=f"127.0.0.1:{rpc}")), rpc)
        else:
            yield Arrangement(stack.enter_context(_server(name)))


@contextmanager
def peer(binary: Path) -> Iterator[Arrangement]:
    """Run the built service of `peer/` during the block, on one processor as a process of ours."""
    port = _free_port()
    with _process("peer", [str(binary), "-port", str(port)], port, GOMAXPROCS="1"):
        yield Arrangement(port)


@contextmanager
def _server(role: str, **variables: str) -> Iterator[int]:
    port = _free_port()
    with _process(role, [*_PYTHON, "tests.overload.apps", role, str(port)], port, **variables):
        yield port


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _process(name: str, command: list[str], port: int, **variables: str) -> Iterator[None]:
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | variables, stdout=log, stderr=log)
    try:
        _await(process, port)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it was ready; see {LOGS}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"no server on port {port} after {_START_SECONDS:g} s")


class Generator:
    """A load generator in a process of its own."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [*_PYTHON, "tests.overload.load", str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def step(self, kind: str, rate: float, seconds: float) -> Outcome:
        """Send `rate` requests a second for `seconds`."""
        assert self._process.stdin is not None
        step = {"request": base64.b64encode(request(kind)).decode(), "rate": rate, "seconds": seconds}
        self._process.stdin.write(json.dumps(step) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._line()))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the load generator ended with {self._process.wait()}")
        return line


@dataclass(slots=True)
class Probes:
    """Calls the probes of an arrangement in turn, each on a connection that stays, and keeps their seconds."""

    target: Arrangement
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Call them during the block."""
        stop = threading.Event()
        called = [("/healthz", self._http), ("/readyz", self._http)]
        if self.target.rpc_port:
            called.append(("grpc health", self._grpc))
        threads = [threading.Thread(target=run, args=(name, stop), daemon=True) for name, run in called]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(_PROBE_TIMEOUT_SECONDS)

    def p99(self, name: str) -> float:
        """Return the 99th percentile of one probe's seconds."""
        taken = sorted(self.seconds[name])
        return taken[min(len(taken) - 1, int(len(taken) * 0.99))]

    def _http(self, path: str, stop: threading.Event) -> None:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.target.rest_port, timeout=_PROBE_TIMEOUT_SECONDS
        )

        def call() -> object:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status

        self._repeat(path, call, 200, stop)

    def _grpc(self, path: str, stop: threading.Event) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self.target.rpc_port}") as channel:
            check: Any = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=HealthCheckRequest.SerializeToString,
                response_deserializer=HealthCheckResponse.FromString,
            )
            self._repeat(
                path,
                lambda: check(HealthCheckRequest(), timeout=_PROBE_TIMEOUT_SECONDS).status,
                HealthCheckResponse.SERVING,
                stop,
            )

    def _repeat(self, name: str, call: Any, wanted: object, stop: threading.Event) -> None:
        kept = self.seconds.setdefault(name, [])
        while not stop.wait(_PROBE_PAUSE_SECONDS):
            begun = time.monotonic()
            try:
                answer = call()
            except Exception as error:
                answer = error
            kept.append(time.monotonic() - begun)
            if answer != wanted:
                self.failures.append(f"{name}: {answer!r}")
