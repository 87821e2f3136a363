"""What the REST operations of each method add to it, for gRPC too."""

from __future__ import annotations

from collections.abc import Iterator

from aether_tools.compiler.binding.bindings import Binding, Origin, RequestMapping
from aether_tools.compiler.binding.criticality import rank
from aether_tools.compiler.model.contracts import RestSide


def rest_sides(binding: Binding) -> dict[str, RestSide]:
    """Return the REST side of each method that has operations, by the method's name."""
    sides = {}
    for name in sorted({operation.method.name for operation in binding.operations}):
        operations = [each for each in binding.operations if each.method.name == name]
        addresses = {path for each in operations for path in _addresses(each.request)}
        sides[name] = RestSide(
            operations=tuple(sorted(each.operation_id for each in operations)),
            scopes=operations[0].scopes,
            client_addresses=tuple(sorted(addresses)),
            criticality=max((each.declared_criticality for each in operations), key=rank),
        )
    return sides


def _addresses(mapping: RequestMapping, outer: str = "") -> Iterator[str]:
    """Yield the paths of the fields that are filled with the client's address."""
    for name, part in mapping.parts.items():
        field = mapping.message.field(name)
        assert field is not None  # noqa: S101 # parts are by the names of fields
        path = f"{outer}{field.python_name}"
        if isinstance(part, RequestMapping):
            yield from _addresses(part, f"{path}.")
        elif part.origin is Origin.CLIENT_ADDRESS:
            yield path
