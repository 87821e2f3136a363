"""Names what OpenAPI 3.1 has and 3.0 has not, so that one run says what a conversion takes."""

from __future__ import annotations

from typing import Final

from aether_tools.compiler.openapi.document import Findings, Node
from aether_tools.compiler.openapi.structure import structure

_REMOVED: Final = {
    "$defs": "Move the schemas to components/schemas.",
    "$id": "Remove it; refer to '#/components/schemas/...'.",
    "$anchor": "Remove it; refer to '#/components/schemas/...'.",
    "$dynamicRef": "Write a $ref.",
    "$schema": "Remove it.",
    "jsonSchemaDialect": "Remove it.",
    "prefixItems": "Write an object with a property for each place.",
    "if": "Use oneOf over the members of a proto oneof.",
    "then": "Use oneOf over the members of a proto oneof.",
    "else": "Use oneOf over the members of a proto oneof.",
    "contains": "Describe it in the description.",
    "patternProperties": "Use additionalProperties.",
    "propertyNames": "Describe the names in the description.",
    "unevaluatedProperties": "Write additionalProperties.",
    "dependentRequired": "Describe it in the description.",
    "dependentSchemas": "Describe it in the description.",
    "contentEncoding": "Write format: byte.",
    "contentMediaType": "Write format: byte or binary.",
}


def check_newer(root: Node, findings: Findings) -> None:
    """Add a finding for each construct of OpenAPI 3.1, with what 3.0 has for it."""
    for node in structure(root):
        for name, fix in _REMOVED.items():
            if name in node:
                _add(node, name, f"`{name}`", fix, findings)
        kinds = node.get("type")
        if kinds is not None and kinds.sequence is not None:
            named = [str(kind.scalar) for kind in kinds.elements() if kind.scalar not in (None, "null")]
            nullable = " and nullable: true" if len(named) < len(kinds.sequence) else ""
            fix = f"Write type: {named[0]}{nullable}." if len(named) == 1 else "Declare one type."
            _add(node, "type", "A list of types", fix, findings)
        if "const" in node:
            _add(node, "const", "`const`", "Write enum: [<value>].", findings)
        if (examples := node.get("examples")) is not None and examples.sequence is not None:
            _add(node, "examples", "A list of examples", "Write example: <value>.", findings)
        for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            limit = node.get(name)
            if limit is not None and not isinstance(limit.scalar, bool):
                fix = f"Write {bound}: {limit.scalar} and {name}: true."
                _add(node, name, f"A number as `{name}`", fix, findings)


def _add(node: Node, name: str, what: str, fix: str, findings: Findings) -> None:
    findings.add(node.key(name), "newer", f"{what} came with OpenAPI 3.1.", fix)
