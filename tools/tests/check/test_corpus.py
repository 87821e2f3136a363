"""Each mutation of the corpus gives exactly its finding, at its line; a harmless change gives none."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from aether_tools.check.contracts.contract_check import check_contracts
from aether_tools.check.contracts.explanations import CONTRACT_EXPLANATIONS
from aether_tools.check.workspace_check import check_files, check_workspace
from aether_tools.compiler.compilation import compile_workspace
from aether_tools.finding import ContractError, Finding
from aether_tools.workspace import Workspace

from .corpus import MUTATIONS, TABLES, WIRING, Mutation
from .corpus_contracts import CONTRACTS

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]  # the first test also scaffolds the workspace


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The scaffolded workspace, which has no findings."""
    folder = tmp_path_factory.mktemp("corpus")
    aether = str(Path(sys.executable).with_name("aether"))
    new = [aether, "new"]
    subprocess.run([*new, "--workspace", "acme"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    root = folder / "acme"
    subprocess.run(
        [*new, "billing", "--aggregate", "Invoice", "--defaults", "--no-install"],
        cwd=root,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    subprocess.run([aether, "generate"], cwd=root, check=True)
    return Workspace.find(root)


@pytest.fixture
def mutated(acme: Workspace, request: pytest.FixtureRequest) -> Iterator[tuple[Mutation, str]]:
    """One mutation, applied, and the text of its file."""
    mutation: Mutation = request.param
    file = acme.root / mutation.path
    before = file.read_text(encoding="utf-8") if file.exists() else None
    text = mutation.applied(before or "")
    file.write_text(text, encoding="utf-8")
    yield mutation, text
    if before is None:
        file.unlink()
    else:
        file.write_text(before, encoding="utf-8")


def test_a_scaffolded_workspace_has_no_findings(acme: Workspace) -> None:
    assert list(check_files(acme, acme.domains())) == []
    assert contract_findings(acme) == []


@pytest.mark.parametrize("mutated", CONTRACTS, ids=[each.name for each in CONTRACTS], indirect=True)
def test_a_mutation_of_a_contract_gives_exactly_its_finding(
    acme: Workspace, mutated: tuple[Mutation, str]
) -> None:
    assert places(contract_findings(acme)) == expected(acme, *mutated)


@pytest.mark.parametrize("code", sorted(CONTRACT_EXPLANATIONS.keys() - {"quality-list"}))
def test_the_wrong_example_of_a_contract_is_found(acme: Workspace, code: str) -> None:
    """What `aether explain` calls right is a part of the scaffolded contract."""
    explanation = CONTRACT_EXPLANATIONS[code]
    file = acme.root / explanation.file
    before = file.read_text(encoding="utf-8")
    indent = next(
        spaces for spaces in range(0, 24, 2) if f"\n{indented(explanation.right, spaces)}" in before
    )
    try:
        right, wrong = (indented(text, indent) for text in (explanation.right, explanation.wrong))
        wrong = before.replace(f"\n{right}", f"\n{wrong}", 1)
        file.write_text(wrong, encoding="utf-8")
        assert {finding.code for finding in contract_findings(acme)} == {code}
    finally:
        file.write_text(before, encoding="utf-8")


def indented(text: str, spaces: int) -> str:
    """Return an example as it stands in a contract."""
    return textwrap.indent(text, " " * spaces)


@pytest.mark.parametrize("mutated", MUTATIONS, ids=[each.name for each in MUTATIONS], indirect=True)
def test_a_mutation_gives_exactly_its_finding(acme: Workspace, mutated: tuple[Mutation, str]) -> None:
    assert places(check_files(acme, acme.domains())) == expected(acme, *mutated)


@pytest.mark.parametrize(
    "mutated", (*TABLES, *WIRING), ids=[each.name for each in (*TABLES, *WIRING)], indirect=True
)
def test_a_mutation_is_found_by_building_the_container_and_running_the_migrations(
    acme: Workspace, mutated: tuple[Mutation, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [acme.root / folder for folder in ("proto/gen", "openapi/gen", "domains/billing/src")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, sources)))
    assert places(check_workspace(acme, acme.domains())) == expected(acme, *mutated)


def contract_findings(acme: Workspace) -> list[Finding]:
    """Return what the compiler and the checks of contracts find, also in generated code that is not up to date."""
    try:
        compile_workspace(acme.root)
    except ContractError as error:
        return list(error.findings)
    checked = check_contracts(acme, acme.domains())
    return [*checked.findings, *check_files(acme, acme.domains(), promises=checked.promises)]


def places(findings: Iterable[Finding]) -> set[tuple[str, str, int]]:
    """Return code, file and line of each finding."""
    return {(finding.code, finding.location.file, finding.location.line) for finding in findings}


def expected(acme: Workspace, mutation: Mutation, text: str) -> set[tuple[str, str, int]]:
    """Return what the mutation should give."""
    if not mutation.code:
        return set()
    if mutation.place:
        text = (acme.root / mutation.found_in).read_text(encoding="utf-8")
    return {(mutation.code, mutation.found_in, mutation.line(text))}
