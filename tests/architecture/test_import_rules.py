"""The import rules of this checkout, each seen to fail: a rule that nobody has seen fail is none."""

from __future__ import annotations

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
        "adapters/src/aether_adapters/health.py",
        "aether_tools",
    ),
    "A kit is wired by hand: only a domain's composition root knows the injector": (
        "adapters/src/aether_adapters/process.py",
        "dependency_injector",
    ),
    "The doors know nothing of what is behind the port": (
        "adapters/src/aether_adapters/rest/app.py",
        "aether_adapters.sql",
    ),
    "What stands behind the port knows nothing of the doors": (
        "adapters/src/aether_adapters/sql/engine.py",
        "grpc",
    ),
    "A technology stays in its own kit": ("adapters/src/aether_adapters/sql/outbox.py", "confluent_kafka"),
    "The words every edge shares import no technology": (
        "adapters/src/aether_adapters/deadline.py",
        "sqlalchemy",
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
