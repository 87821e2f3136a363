"""The contract that the gRPC and gateway rows serve: the compiler's own golden one, generated for the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import ROOT

_GOLDEN = ROOT / "tools" / "tests" / "compiler" / "fixtures" / "acme"
_FOLDER = "BENCH_CONTRACT"


@contextmanager
def generated() -> Iterator[None]:
    """Generate the golden workspace's code; processes started inside find it with `use`."""
    with tempfile.TemporaryDirectory(prefix="aether-bench-") as folder:
        workspace = Path(folder) / "acme"
        shutil.copytree(_GOLDEN, workspace)
        command = [str(Path(sys.executable).with_name("aether")), "generate"]
        done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the golden contract was not generated:\n{done.stdout}{done.stderr}")
        os.environ[_FOLDER] = str(workspace)
        try:
            yield
        finally:
            del os.environ[_FOLDER]


def use() -> None:
    """Make the generated code importable in this process."""
    workspace = Path(os.environ[_FOLDER])
    sys.path[:0] = [str(workspace / "proto" / "gen"), str(workspace / "openapi" / "gen")]
