"""Generates the contracts that the rows serve.

The gRPC and gateway rows serve the compiler's golden contract, the REST rows the one in `contract/`: an order with items.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.harness import Side, Sides
from tests.bench.processes import ROOT

GOLDEN = ROOT / "tools" / "tests" / "compiler" / "fixtures" / "acme"
ORDERS = Path(__file__).with_name("contract")
_FOLDER = "BENCH_CONTRACT"


@contextmanager
def generated(contract: Path = GOLDEN) -> Iterator[None]:
    """Generate a workspace's code from its contracts; processes started in the block load it with `use`."""
    with tempfile.TemporaryDirectory(prefix="aether-bench-") as folder:
        workspace = Path(folder) / contract.name
        shutil.copytree(contract, workspace)
        command = [str(Path(sys.executable).with_name("aether")), "generate"]
        done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"generating the contract failed:\n{done.stdout}{done.stderr}")
        os.environ[_FOLDER] = str(workspace)
        try:
            yield
        finally:
            del os.environ[_FOLDER]


def without_token_cache(sides: Sides) -> Sides:
    """Return the same sides, each verifying the signature of every token again."""

    @contextmanager
    def without() -> Iterator[tuple[Side, Side]]:
        os.environ["BENCH_TOKEN_CACHE"] = "0"
        try:
            with sides() as both:
                yield both
        finally:
            del os.environ["BENCH_TOKEN_CACHE"]

    return without


def module(name: str) -> Any:
    """Import a module of the generated code; untyped, because it does not exist when mypy runs."""
    return importlib.import_module(name)


def use() -> None:
    """Make the generated code importable in this process."""
    workspace = Path(os.environ[_FOLDER])
    sys.path[:0] = [str(workspace / "proto" / "gen"), str(workspace / "openapi" / "gen")]
