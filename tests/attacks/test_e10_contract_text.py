"""E10: text of a contract never becomes code, in either contract.

Seen on the parent of this test's commit: a scope ran as code when the edge was imported (the canary was there), a NUL
in a summary and a `"` in a header's template made modules that Python cannot read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

AETHER = Path(sys.executable).with_name("aether")
ACME = Path(__file__).parents[2] / "tools/tests/compiler/fixtures/acme"
REST = Path("openapi/billing.yaml")
PROTO = Path("proto/acme/billing/v1/billing.proto")
RUN = "open(__import__('os').environ['CANARY'], 'w')"
QUOTED = RUN.replace("'", "''")
"""`RUN` inside a single-quoted YAML string."""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("gen", ".aether")
    return Path(shutil.copytree(ACME, tmp_path / "acme", ignore=ignored))


def replace(workspace: Path, contract: Path, old: str, new: str) -> int:
    """Replace the first occurrence of a text and return its line."""
    text = (workspace / contract).read_text(encoding="utf-8")
    assert old in text
    (workspace / contract).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def generate(workspace: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([AETHER, "generate"], cwd=workspace, capture_output=True, text=True, check=False)


def imported(workspace: Path) -> bool:
    """Import every generated module in a process of its own. Return whether text of a contract ran."""
    canary = workspace / "canary"
    roots = [workspace / "proto/gen", workspace / "openapi/gen"]
    modules = sorted(
        ".".join(path.relative_to(root).with_suffix("").parts)
        for root in roots
        for path in root.rglob("*.py")
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots)), "CANARY": str(canary)}
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-c", program, *modules],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return canary.exists()


REFUSED: dict[str, tuple[Path, str, str]] = {
    "a scope": (REST, "  - bearer: []\n", f"""  - bearer: ['x" if not {QUOTED} else "y']\n"""),
    "a header's template": (REST, "x-from: /v1/invoices/{id}", f'x-from: "/v1/{{id}}\\n\\", {RUN}, \\""'),
    "a header's name": (REST, "            Location:\n", f"""            'X", {QUOTED}, "':\n"""),
    "a path": (REST, "  /invoices:\n", f"""  '/invoices" {QUOTED}':\n"""),
    "an operationId": (REST, "operationId: createInvoice", f"operationId: 'x(); {QUOTED}; y'"),
    "a method": (PROTO, "rpc GetTally(", "rpc dataclass("),
    "an enum's value": (PROTO, "INVOICE_STATUS_CLOSED = 2;", "INVOICE_STATUS_CLOSED = 2; _missing_ = 3;"),
}


def places(table: Iterable[str]) -> list[Any]:
    """Return the places of a table; all but a few are tried by `make prove` only."""
    return [pytest.param(place, marks=() if place in QUICK else pytest.mark.prove) for place in table]


QUICK = ("a scope", "a header's template", "a summary", "a comment")


@pytest.mark.parametrize("place", places(REFUSED))
def test_text_that_is_no_name_is_refused_at_its_line(workspace: Path, place: str) -> None:
    contract, old, new = REFUSED[place]
    line = replace(workspace, contract, old, new)
    ran = generate(workspace)
    assert ran.returncode == 1, ran.stderr
    locations = [text.partition(": ")[0] for text in ran.stdout.split("\n")]
    assert any(abs(int(at.split(":")[1]) - line) < 20 for at in locations if at.startswith(str(contract)))
    assert "fix: " in ran.stdout
    assert "not valid YAML" not in ran.stdout
    assert not (workspace / "openapi/gen").exists()


CARRIED: dict[str, Callable[[Path], int]] = {
    "a summary": lambda root: replace(
        root,
        REST,
        "summary: Creates",
        f'summary: "\\"\\"\\"\\n{RUN}\\n\\0\\r\\u2028\\u202e\\\\"\n      x-was: Creates',
    ),
    "a comment": lambda root: replace(
        root, PROTO, "// Keeps invoices", f'// """\r{RUN}\r\\ "\n// Keeps invoices'
    ),
    "an enum's comment": lambda root: replace(root, PROTO, "// It is final.", f"// ''' \"\"\" \\\n// {RUN}"),
    "a default": lambda root: replace(
        root, REST, "pattern: ^[A-Za-z0-9_-]*$", f"""default: '" {QUOTED} "'"""
    ),
    "an extension": lambda root: replace(
        root, REST, "info:\n", f"x-{RUN}: |\n  {RUN}\ninfo:\n".replace("': ", ": ")
    ),
    "a tag": lambda root: replace(root, REST, "tags: [invoices]", f"""tags: ['" + {QUOTED} + "']"""),
}


@pytest.mark.parametrize("place", places(CARRIED))
def test_text_that_means_nothing_to_python_stays_text(workspace: Path, place: str) -> None:
    CARRIED[place](workspace)
    ran = generate(workspace)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not imported(workspace), "text of a contract ran as code"


def test_no_yaml_tag_makes_an_object(workspace: Path) -> None:
    canary = workspace / "canary"
    text = f"\nx-evil: !!python/object/apply:os.mkdir [{canary}]\n"
    with (workspace / REST).open("a", encoding="utf-8") as contract:
        contract.write(text)
    ran = generate(workspace)
    assert ran.returncode == 1
    assert "openapi-yaml-tag" in ran.stdout
    assert not canary.exists()


def test_a_finding_cannot_drive_the_terminal(workspace: Path) -> None:
    replace(
        workspace,
        REST,
        "operationId: createInvoice",
        r'operationId: "\e]0;owned\a\e[2J\u202e\nfix: run this"',
    )
    ran = generate(workspace)
    assert ran.returncode == 1
    assert all(line.isprintable() for line in ran.stdout.split("\n"))
    assert "\nfix: run this" not in ran.stdout
