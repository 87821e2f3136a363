"""Two HTTP servers, proven to answer with the same bytes, under the same load."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx

from tests.bench.harness import Side, Sides
from tests.bench.processes import ROOT, cpu_seconds, started

_CONNECTIONS = 32
_COMPARED = ("content-type", "content-length", "location", "etag")


@dataclass(frozen=True, slots=True)
class Request:
    """The request that is sent repeatedly."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def wire(self) -> bytes:
        """Return the request as bytes on a connection."""
        headers = {"Host": "bench", **self.headers}
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and the answer that both sides must give; requests of `refused` must get a 4xx from both."""

    request: Callable[[], Request]
    status: int
    refused: Callable[[], tuple[Request, ...]] = tuple


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    port: int
    pid: int


Server = Callable[[], AbstractContextManager[Served]]
"""Starts a server in a separate process."""

Load = Callable[[float], int]
"""Keeps every connection busy for that many seconds. Returns the number of answers."""


def asgi(factory: str) -> Server:
    """Return a server of the ASGI app "module:factory" in a separate process."""

    @contextmanager
    def server() -> Iterator[Served]:
        with started("tests.bench.http_server", factory, core=0) as line:
            port, pid = line.split()
            yield Served(int(port), int(pid))

    return server


def http_sides(ours: Server, theirs: Server, exchange: Exchange) -> Sides:
    """Return both servers under load, after comparing their answers; requests per CPU second of the server."""

    @contextmanager
    def sides() -> Iterator[tuple[Side, Side]]:
        with ExitStack() as stack:
            servers = stack.enter_context(ours()), stack.enter_context(theirs())
            request = exchange.request()
            answers = [_once(server.port, request) for server in servers]
            if answers[0] != answers[1] or answers[0][0] != exchange.status:
                raise RuntimeError(f"the sides differ: {answers[0]} and {answers[1]}")
            for bad in exchange.refused():
                for server in servers:
                    status = _once(server.port, bad)[0]
                    if not 400 <= status < 500:
                        raise RuntimeError(f"{bad.body[:80]!r} was answered with {status}")
            our_side, their_side = (
                per_cpu_second(stack.enter_context(load(server.port, [request])), server.pid)
                for server in servers
            )
            yield our_side, their_side

    return sides


def _once(port: int, request: Request) -> tuple[int, Mapping[str, str], bytes]:
    headers = dict(request.headers) | ({"content-type": "application/json"} if request.body else {})
    answer = httpx.request(
        request.method, f"http://127.0.0.1:{port}{request.path}", headers=headers, content=request.body
    )
    compared = {name: answer.headers[name] for name in _COMPARED if name in answer.headers}
    return answer.status_code, compared, answer.content


def per_cpu_second(answers: Load, pid: int) -> Side:
    """Return a side whose figure is answers per second of CPU time that the process uses."""

    def side(seconds: float) -> float:
        began = cpu_seconds(pid)
        answered = answers(seconds)
        return answered / (cpu_seconds(pid) - began)

    return side


@contextmanager
def load(
    port: int, requests: Sequence[Request], *, connections: int = _CONNECTIONS, same_length: bool = True
) -> Iterator[Load]:
    """Connect a load generator that sends `requests` in turn; see `http_load`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.http_load", str(port), str(connections)],
        cwd=ROOT,
        env=os.environ | {"BENCH_CORE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout
    wires = [base64.b64encode(request.wire()).decode("ascii") for request in requests]
    stdin.write(json.dumps({"requests": wires, "same_length": same_length}) + "\n")
    stdin.flush()
    if stdout.readline().strip() != "ready":
        raise RuntimeError("the load generator could not connect")

    def answers(seconds: float) -> int:
        stdin.write(f"{seconds}\n")
        stdin.flush()
        answered = stdout.readline()
        if not answered:
            raise RuntimeError(f"the load generator ended with {process.wait()}")
        return int(answered)

    try:
        yield answers
    finally:
        stdin.close()
        process.wait(60)
        stdout.close()
