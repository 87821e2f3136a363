"""Checks each operation's security requirements: bearer tokens and the scopes that they must have."""

from __future__ import annotations

import re
from typing import Final

from aether_tools.compiler.model.contracts import Method, MethodAccess
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.operations import OperationSpec

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def check_schemes(document: Document, findings: Findings) -> None:
    """Add a finding for each security scheme other than http bearer."""
    for name, scheme in _schemes(document).items():
        node = document.resolve(scheme)
        if node is None:
            continue
        kind = node.text("type")
        if kind != "http" or (node.text("scheme") or "").lower() != "bearer":
            findings.add(
                node,
                "security-scheme",
                f"Security scheme {name!r} is {kind} {node.text('scheme') or ''}".rstrip()
                + ", which is not supported.",
                "Write type: http, scheme: bearer.",
            )


def scopes(spec: OperationSpec, method: Method, document: Document, findings: Findings) -> tuple[str, ...]:
    """Return the scopes that a token must have, sorted.

    Add a finding if the operation's security does not match its method's access.
    """
    security = spec.security
    required = [] if security is None else list(security.elements())
    at = spec.node.get("security") or spec.node.get("operationId") or spec.node
    if method.access is MethodAccess.PUBLIC:
        if required:
            findings.add(
                at,
                "security",
                f"{method.name} ({method.location}) is public, but the operation requires a token.",
                "Write security: [] on the operation, or add a caller field to the request.",
            )
        return ()
    if len(required) != 1 or len(list(required[0].items())) != 1:
        findings.add(
            at,
            "security",
            f"{method.name} ({method.location}) takes a caller, so its operation must require exactly one bearer token.",
            "Write security: [{bearer: []}] at the top of the file or on the operation.",
        )
        return ()
    name, listed = next(required[0].items())
    if name not in _schemes(document):
        findings.add(
            required[0],
            "security",
            f"Security scheme {name!r} is not declared.",
            "Declare it under components/securitySchemes: type: http, scheme: bearer.",
        )
    found = {str(element.scalar) for element in listed.elements()}
    for element in listed.elements():
        if not _SCOPE.fullmatch(str(element.scalar)):
            findings.add(
                element,
                "scope",
                f"{str(element.scalar)!r} is not a scope (RFC 6749, section 3.3).",
                "Use visible ASCII characters without spaces, quotes and backslashes, such as invoices.read.",
            )
    return tuple(sorted(found))


def _schemes(document: Document) -> Node:
    components = document.root.get("components")
    schemes = None if components is None else components.get("securitySchemes")
    return schemes or Node(document.root.location, "", mapping={})
