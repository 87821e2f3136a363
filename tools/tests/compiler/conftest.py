"""Workspaces to compile: complete ones from fixtures/, and tiny ones that a test writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from aether_tools.compiler.pipeline import generate

FIXTURES = Path(__file__).parent / "fixtures"
COMMON = (FIXTURES / "acme/proto/acme/common/v1/common.proto").read_text(encoding="utf-8")

Write = Callable[[Mapping[str, str]], Path]
Run = Callable[[Path, str], str]


@pytest.fixture
def workspace(tmp_path: Path) -> Write:
    """Writes the workspace acme: its shared contract and the given files, by path."""

    def write(files: Mapping[str, str]) -> Path:
        given = {
            "pyproject.toml": '[tool.aether]\nname = "acme"\n',
            "proto/acme/common/v1/common.proto": COMMON,
        }
        for path, content in (given | dict(files)).items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(content), encoding="utf-8")
        return tmp_path

    return write


def _compiled_copy(name: str, into: Path) -> Path:
    """Copy the proto files of a fixture and compile them."""
    root = into / name
    root.mkdir()
    shutil.copy(FIXTURES / name / "pyproject.toml", root)
    shutil.copytree(FIXTURES / name / "proto", root / "proto", ignore=shutil.ignore_patterns("gen"))
    assert generate(root).findings == ()
    return root


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled workspace whose contract uses every construct. Tests must not change it."""
    return _compiled_copy("zoo", tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A compiled workspace with the contract of a new domain."""
    return _compiled_copy("acme", tmp_path)


@pytest.fixture(scope="session")
def python() -> Run:
    """Runs a program in a new Python process with a workspace's generated code, and returns its output."""

    def run(root: Path, program: str) -> str:
        path = os.pathsep.join(str(root / folder) for folder in ("proto/gen", "openapi/gen"))
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", dedent(program)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
