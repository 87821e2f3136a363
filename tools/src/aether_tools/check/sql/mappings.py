"""Checks that the row mappings of a domain are tried: what they lose, no type and no database notices."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from aether_tools.check.imports import location
from aether_tools.check.source import Module, NameResolver, read
from aether_tools.finding import Finding
from aether_tools.workspace import Domain, Workspace

_MAPPING = "aether_adapters.sql.RowMapping"
_SUITE = "aether_adapters.testing.row_mappings"


def check_mappings(
    workspace: Workspace, domain: Domain, modules: Iterable[Module], names: NameResolver
) -> Iterator[Finding]:
    """Yield a finding at the first `RowMapping` of a domain whose tests do not write and read back its aggregates."""
    first = next(
        (
            location(module, node)
            for module in modules
            for node in module.nodes
            if isinstance(node, ast.Call) and names.resolve(module, node.func) == _MAPPING
        ),
        None,
    )
    if first is None or any(
        _imports_suite(test) for test in read(workspace.root, domain.folder / "tests", "tests")
    ):
        return
    yield Finding(
        first,
        "mapping-untested",
        f"No test of {domain.name} writes its aggregates to rows and reads them back.",
        f'Add to its tests: `class TestRowMappings(RowMappingSuite): package = "{domain.package}.adapters"`, '
        f"from {_SUITE}.",
    )


def _imports_suite(test: object) -> bool:
    return isinstance(test, Module) and any(
        isinstance(node, ast.ImportFrom) and node.module == _SUITE for node in test.nodes
    )
