"""Reads x-criticality: what an overloaded server refuses first."""

from __future__ import annotations

from aether_adapters.kernel.criticality import HEADER, LEVELS

from aether_tools.compiler.model.contracts import Method
from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.openapi.operations import OperationSpec


def criticality(spec: OperationSpec, method: Method, findings: Findings) -> str:
    """Return an operation's x-criticality in upper case, empty without it.

    Add a finding for an unknown level, and for one that contradicts the option of the method: a gRPC call of the method
    and a request of the operation are the same work.
    """
    node = spec.node.get(HEADER)
    if node is None:
        return ""
    if node.scalar not in LEVELS:
        findings.add(
            node,
            "criticality",
            f"{HEADER} {node.scalar!r} is no level of criticality.",
            f"Write one of: {', '.join(LEVELS)}.",
        )
        return ""
    level = str(node.scalar).upper()
    if method.declared_criticality and level != method.declared_criticality:
        findings.add(
            node,
            "criticality",
            f"{spec.operation_id} is {node.scalar}, but its method {method.name} ({method.location}) is "
            f"{method.declared_criticality.lower()}.",
            f"Remove {HEADER}, or write the same level in both.",
        )
    return level


def rank(level: str) -> int:
    """Return the order of a level in upper case; one that is empty comes first."""
    return -1 if not level else LEVELS[level.lower()]
