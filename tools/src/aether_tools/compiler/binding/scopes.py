"""Operations of one method must ask for the same scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aether_tools.compiler.binding.bindings import Operation
from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.openapi.operations import OperationSpec


def check_scopes(
    operations: Sequence[Operation], specs: Mapping[str, OperationSpec], findings: Findings
) -> None:
    """Refuse operations of one method that ask for other scopes: over gRPC nobody could tell which is meant."""
    first: dict[str, Operation] = {}
    for operation in operations:
        other = first.setdefault(operation.method.name, operation)
        if operation.scopes != other.scopes:
            spec = specs[operation.operation_id]
            findings.add(
                spec.node.get("security") or spec.node.get("operationId") or spec.node,
                "method-scopes",
                f"{operation.operation_id} asks for {_words(operation.scopes)}, and {other.operation_id}, which calls "
                f"the same method {operation.method.name}, for {_words(other.scopes)}.",
                "Ask for the same scopes at both, or give each a method of its own.",
            )


def _words(scopes: tuple[str, ...]) -> str:
    return f"the scopes {' '.join(scopes)}" if scopes else "no scopes"
