"""`aether generate`: fast if nothing has changed, and complete output or findings, never a part."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Aether, environment, tree

FIXTURE = Path(__file__).parents[1] / "compiler/fixtures/acme"

LOADED = """
import sys
sys.argv = ["aether", "generate"]
from aether_tools.cli import main
assert main() == 0
heavy = {"typer", "click", "rich", "copier", "jinja2", "grpc_tools", "ruamel", "sqlalchemy", "aether_adapters"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A workspace that has contracts and no generated code."""
    return Path(
        shutil.copytree(FIXTURE, tmp_path / "contracts", ignore=shutil.ignore_patterns("gen", ".aether"))
    )


def test_a_second_run_finds_nothing_changed_and_imports_nothing_heavy(
    aether: Aether, contracts: Path
) -> None:
    first = aether("generate", cwd=contracts)
    assert first.code == 0, first.err
    assert "wrote proto/gen/acme/billing/v1/port.py\n" in first.out
    made = tree(contracts)
    again = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=contracts,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout == "Nothing changed.\n[]\n"
    assert tree(contracts) == made


def test_flags_work_with_and_without_typer(aether: Aether, contracts: Path) -> None:
    assert aether("generate", "--json", cwd=contracts).out == "[]\n"
    assert aether("generate", "--no-check", cwd=contracts).code == 2
    assert "--check" in aether("generate", "--help", cwd=contracts).out


def test_an_invalid_contract_is_reported_and_generated_code_stays_unchanged(
    aether: Aether, contracts: Path
) -> None:
    aether("generate", cwd=contracts)
    made = {name: text for name, text in tree(contracts).items() if "/gen/" in name}
    proto = contracts / "proto/acme/billing/v1/billing.proto"
    proto.write_text(proto.read_text().replace("returns (Invoice)", "returns (Nothing)", 1))
    ran = aether("generate", cwd=contracts)
    assert ran.code == 1
    assert "proto/acme/billing/v1/billing.proto:" in ran.out
    assert "  fix: " in ran.out
    findings = json.loads(aether("generate", "--json", cwd=contracts).out)
    assert findings[0]["file"] == "proto/acme/billing/v1/billing.proto"
    assert findings[0]["line"] > 0
    assert {name: text for name, text in tree(contracts).items() if "/gen/" in name} == made


def test_check_reports_missing_files_and_writes_nothing(aether: Aether, contracts: Path) -> None:
    before = tree(contracts)
    ran = aether("generate", "--check", cwd=contracts)
    assert ran.code == 1
    assert "generated-missing" in ran.out
    assert tree(contracts) == before
    aether("generate", cwd=contracts)
    assert aether("generate", "--check", cwd=contracts).code == 0
