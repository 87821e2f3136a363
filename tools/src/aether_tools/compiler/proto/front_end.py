"""The proto front end: from a workspace's .proto files to `Contracts`, with every refusal in one go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aether_tools.compiler.contract_files import contract_files
from aether_tools.compiler.model.contracts import Contracts
from aether_tools.compiler.proto import protoc
from aether_tools.compiler.proto.packages import read_packages
from aether_tools.compiler.proto.rules.servable import check
from aether_tools.finding import ContractError, Finding


@dataclass(frozen=True, slots=True)
class Protos:
    """The contracts of a workspace and what protoc itself generated from them, by path below proto/gen.

    Where there are findings, the contracts are what could be read all the same.
    """

    contracts: Contracts
    python: dict[str, bytes]
    findings: tuple[Finding, ...]


def survey(root: Path, workspace: str) -> Protos:
    """Compile every contract below `<root>/proto`, and say everything that is wrong with them."""
    found: list[Finding] = []
    files = contract_files(root, workspace, found)
    compiled = protoc.compile_files(root, files, found)
    contracts = read_packages(workspace, compiled.files, frozenset(files), found)
    found += check(contracts)
    return Protos(contracts, compiled.python, tuple(sorted(set(found))))


def read(root: Path, workspace: str) -> Protos:
    """Compile every contract below `<root>/proto`; raises `ContractError` with every finding."""
    protos = survey(root, workspace)
    if protos.findings:
        raise ContractError(*protos.findings)
    return protos
