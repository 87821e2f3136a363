"""Tests that each import rule of this checkout finds a breach: a rule that was never seen to fail proves nothing."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
BREACHES = {
    "A kit knows no tool": (
        "adapters/src/aether_adapters/observability/health.py",
        "aether_tools",
    ),
    "A kit is wired by hand: only a domain's composition root knows the injector": (
        "adapters/src/aether_adapters/service/process.py",
        "dependency_injector",
    ),
    "A server knows nothing of what is behind the port": (
        "adapters/src/aether_adapters/rest/build.py",
        "aether_adapters.sql",
    ),
    "What stands behind the port knows no server": (
        "adapters/src/aether_adapters/sql/engine.py",
        "grpc",
    ),
    "A technology stays in its own kit": ("adapters/src/aether_adapters/sql/outbox.py", "confluent_kafka"),
    "The kits have floors, from the shared words up to the assembly of a service": (
        "adapters/src/aether_adapters/auth/tokens.py",
        "aether_adapters.service.settings",
    ),
    "The compiler's phases depend in one direction": (
        "tools/src/aether_tools/compiler/proto/rules/names.py",
        "aether_tools.compiler.emit.types",
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for member in ("adapters/src", "tools/src"):
        shutil.copytree(ROOT / member, folder / member, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    sources = os.pathsep.join(str(folder / member) for member in ("adapters/src", "tools/src"))
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": sources},
        capture_output=True,
        text=True,
        check=False,
    )


def test_this_checkout_keeps_every_rule(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


def test_there_is_a_breach_for_every_rule() -> None:
    assert set(BREACHES) == {rule["name"] for rule in RULES}


@pytest.mark.parametrize("rule", BREACHES)
def test_a_breach_is_found(copy: Path, rule: str) -> None:
    file, module = BREACHES[rule]
    broken = copy / file
    whole = broken.read_text()
    broken.write_text(f"{whole}\nimport {module}\n")
    try:
        done = lint(copy)
    finally:
        broken.write_text(whole)
    assert done.returncode == 1
    assert f"{rule} BROKEN" in done.stdout


def test_the_kernel_imports_only_the_standard_library_and_itself(copy: Path) -> None:
    kernel = copy / "adapters/src/aether_adapters/kernel"
    assert foreign_imports(kernel) == set()
    broken = kernel / "deadline.py"
    whole = broken.read_text()
    broken.write_text(f"{whole}\nimport orjson\nfrom aether_adapters.sql import Outbox\n")
    try:
        assert foreign_imports(kernel) == {"orjson", "aether_adapters.sql"}
    finally:
        broken.write_text(whole)


def foreign_imports(kernel: Path) -> set[str]:
    """Return every module that `kernel` imports from outside the standard library and itself."""
    found: set[str] = set()
    for file in kernel.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
    return {
        name
        for name in found
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not f"{name}.".startswith("aether_adapters.kernel.")
    }
