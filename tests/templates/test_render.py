"""The output of the templates: whole words, formatted code, and a service that passes its own checks."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from aether_tools.compiler.pipeline import generate

from .conftest import Templates, run

BIN = Path(sys.executable).parent
LEFT_OVER = re.compile(r"(?<!\$)\{\{(?! *matrix)|\{%|[^}]\}\}[^}\n)\],]| %\}")
NAMES = [
    ("acme", "billing", "Invoice", "Invoices"),
    ("corner_shop", "gift_card", "GiftCard", "GiftCards"),
    ("zoo", "user", "User", "Users"),
    ("b2b", "procurement_desk", "PurchaseAgreement", "PurchaseAgreements"),
]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts)


@pytest.mark.parametrize(("workspace", "domain", "aggregate", "plural"), NAMES)
def test_a_domain_is_whole_and_formatted_whatever_it_is_called(
    templates: Templates, tmp_path: Path, workspace: str, domain: str, aggregate: str, plural: str
) -> None:
    root = templates.render(tmp_path / "root", template="workspace", workspace=workspace)
    templates.render(
        root,
        template="domain",
        workspace=workspace,
        domain=domain,
        aggregate=aggregate,
        aggregate_plural=plural,
    )
    unrendered = [
        f"{path.relative_to(root)}: {found.group()}"
        for path in files(root)
        if path.suffix != ".mako"
        for found in [LEFT_OVER.search(path.read_text(encoding="utf-8"))]
        if found
    ]
    assert unrendered == []
    assert not [path for path in files(root) if "{" in path.name or path.suffix == ".jinja"]
    assert generate(root).findings == ()
    run(BIN / "ruff", "check", ".", cwd=root)
    run(BIN / "ruff", "format", "--check", ".", cwd=root)


def test_the_answers_say_where_it_came_from_and_nothing_computed(
    templates: Templates, tmp_path: Path
) -> None:
    root = templates.render(tmp_path / "root", template="domain", workspace="acme", domain="gift_card")
    answers = yaml.safe_load((root / "domains/gift_card/.copier-answers.domain.yml").read_bytes())
    assert answers == {
        "_src_path": str(templates.folder),
        "template": "domain",
        "workspace": "acme",
        "domain": "gift_card",
        "aggregate": "GiftCard",
        "aggregate_plural": "GiftCards",
    }


def test_two_domains_share_no_file(templates: Templates, tmp_path: Path) -> None:
    made = [
        {
            path.relative_to(folder)
            for path in files(templates.render(folder, template="domain", workspace="acme", domain=name))
        }
        for name in ("billing", "user")
        for folder in [tmp_path / name]
    ]
    assert made[0] & made[1] == set()


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_workspace_runs_its_own_makefile(templates: Templates, tmp_path: Path) -> None:
    """Run generate, format, lint, mypy --strict, aether check and every test of a domain, like a team."""
    root = templates.render(tmp_path / "acme", template="workspace", workspace="acme")
    templates.render(root, template="domain", workspace="acme", domain="billing", aggregate="Invoice")
    # Instead of `make setup`, which needs an index: this environment, with the members by path.
    (root / ".venv").mkdir()
    (root / ".venv/ready").touch()
    path = [root / "proto/gen", root / "openapi/gen", root / "domains/billing/src"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONWARNINGS": "ignore"}
    make = shutil.which("make")
    assert make is not None, "install make"
    for target in ("generate", "check", "test"):
        said = run(make, target, f"BIN={BIN}", cwd=root, env=env)
    assert re.search(r"\d+ passed", said)
    assert " failed" not in said
