"""Checks that a default is a valid value of its own schema and field."""

from __future__ import annotations

from aether_adapters.kernel import protojson
from aether_adapters.kernel.errors import Malformed
from jsonschema_rs import Draft4Validator

from aether_tools.compiler.binding.bindings import Conversion, ListOf, One
from aether_tools.compiler.binding.json_types import DECODERS
from aether_tools.compiler.model.contracts import Scalar, WellKnown
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.schema import Shape


def check_default(shape: Shape, conversion: Conversion, document: Document, findings: Findings) -> None:
    """Add a finding for a default that is not a valid value."""
    default = shape.keywords.get("default")
    if default is None or (default.scalar is None and shape.nullable and default.sequence is None):
        return
    value = default.plain()
    reason = _by_schema(shape.node, value, document) or _by_field(conversion, value)
    if reason:
        findings.add(
            default,
            "default",
            f"The default {reason}.",
            "Write a default that is valid in a request, or remove it.",
        )


def _by_schema(node: Node, value: object, document: Document) -> str:
    components = document.root.get("components")
    whole = {"allOf": [node.plain()], "components": None if components is None else components.plain()}
    try:
        error = next(iter(Draft4Validator(whole, mask=repr(value)).iter_errors(value)), None)
    except ValueError:
        return ""  # an invalid pattern, reported at its own location
    return "" if error is None else f"does not match its schema: {error.message}"


def _by_field(conversion: Conversion, value: object) -> str:
    if isinstance(conversion, ListOf):
        items = value if isinstance(value, list) else []
        return next((reason for item in items if (reason := _by_field(conversion.item, item))), "")
    if not isinstance(conversion, One) or conversion.etag:
        return ""
    kind = conversion.type
    scalar = kind.wraps if isinstance(kind, WellKnown) and kind.wraps else kind
    reader = DECODERS.get(scalar) if isinstance(scalar, Scalar | WellKnown) else None
    if reader is None:
        return ""
    try:
        getattr(protojson, reader)(value, "")
    except Malformed as error:
        return error.reason
    return ""
