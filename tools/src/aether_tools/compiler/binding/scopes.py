"""Checks that all operations of a method require the same scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aether_tools.compiler.binding.bindings import Operation
from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.openapi.operations import OperationSpec


def check_scopes(
    operations: Sequence[Operation], specs: Mapping[str, OperationSpec], findings: Findings
) -> None:
    """Add a finding for operations of one method with different scopes: a gRPC call has no operation to choose by."""
    first: dict[str, Operation] = {}
    for operation in operations:
        other = first.setdefault(operation.method.name, operation)
        if operation.scopes != other.scopes:
            spec = specs[operation.operation_id]
            findings.add(
                spec.node.get("security") or spec.node.get("operationId") or spec.node,
                "method-scopes",
                f"{operation.operation_id} requires {_listed(operation.scopes)}, but {other.operation_id}, which calls "
                f"the same method {operation.method.name}, requires {_listed(other.scopes)}.",
                "Require the same scopes in both, or declare a method for each.",
            )


def _listed(scopes: tuple[str, ...]) -> str:
    return f"the scopes {' '.join(scopes)}" if scopes else "no scopes"
