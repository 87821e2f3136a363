"""Proto front end: turns a workspace's .proto files into `Contracts`, and reports all findings in one run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aether_tools.compiler.contract_files import proto_files
from aether_tools.compiler.model.contracts import Contracts
from aether_tools.compiler.proto import protoc
from aether_tools.compiler.proto.packages import read_packages
from aether_tools.compiler.proto.rules.servable import check
from aether_tools.finding import ContractError, Finding


@dataclass(frozen=True, slots=True)
class Protos:
    """Contracts of a workspace.

    `python` holds the modules that protoc generated, by path below proto/gen. If there are findings, `contracts`
    holds only what could be read.
    """

    contracts: Contracts
    python: dict[str, bytes]
    findings: tuple[Finding, ...]


def compile_all(root: Path, workspace: str) -> Protos:
    """Compile every contract below `<root>/proto` and return it with all findings."""
    findings: list[Finding] = []
    files = proto_files(root, workspace, findings)
    compiled = protoc.compile_files(root, files, findings)
    contracts = read_packages(workspace, compiled.files, frozenset(files.own), findings)
    findings += check(contracts)
    return Protos(contracts, compiled.python, tuple(sorted(set(findings))))


def read(root: Path, workspace: str) -> Protos:
    """Compile every contract below `<root>/proto`.

    Raises `ContractError` with all findings if there are any.
    """
    protos = compile_all(root, workspace)
    if protos.findings:
        raise ContractError(*protos.findings)
    return protos
