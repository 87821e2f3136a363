"""The gRPC edge, through a use case on a memory adapter, against grpcio by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.grpc_contract import generated, without_token_cache
from tests.bench.harness import Row, Side
from tests.bench.http_sides import per_cpu_second
from tests.bench.processes import ROOT, started
from tests.bench.rest_apps import token


@contextmanager
def _sides() -> Iterator[tuple[Side, Side]]:
    with ExitStack() as stack:
        stack.enter_context(generated())
        loads = [stack.enter_context(_load(app)) for app in ("aether", "handwritten")]
        (ours, our_answer), (theirs, their_answer) = loads
        if our_answer != their_answer:
            raise RuntimeError(f"the sides differ: {our_answer} and {their_answer}")
        yield ours, theirs


@contextmanager
def _load(app: str) -> Iterator[tuple[Side, str]]:
    with started("tests.bench.grpc_apps", app, core=0) as line:
        port, pid = line.split()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.grpc_load", port, token()],
            cwd=ROOT,
            env=os.environ | {"BENCH_CORE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def calls(seconds: float) -> int:
            stdin.write(f"{seconds}\n")
            stdin.flush()
            answered = stdout.readline()
            if not answered:
                raise RuntimeError(f"the load generator ended with {process.wait()}")
            return int(answered)

        try:
            yield per_cpu_second(calls, int(pid)), stdout.readline()
        finally:
            stdin.close()
            process.wait(60)
            stdout.close()


ROWS = (
    Row("grpc-edge", "grpcio handwritten", 1.0, "calls/cpu-s", _sides),
    Row("grpc-edge (no token cache)", "grpcio handwritten", None, "calls/cpu-s", without_token_cache(_sides)),
)
