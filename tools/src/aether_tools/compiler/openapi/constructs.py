"""Reports OpenAPI constructs that the compiler does not support, and documents that are not valid OpenAPI 3.0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.extensions import check_effect, check_extensions
from aether_tools.compiler.openapi.grammar import check_grammar
from aether_tools.compiler.openapi.names import check_header_name, check_path
from aether_tools.compiler.openapi.newer import check_newer
from aether_tools.compiler.openapi.operations import METHODS
from aether_tools.compiler.openapi.patterns import check_pattern
from aether_tools.compiler.openapi.structure import structure

_IGNORED_HEADERS: Final = ("accept", "content-type", "authorization")

_STYLES: Final = {"path": "simple", "header": "simple", "query": "form"}


def check_constructs(document: Document, findings: Findings) -> None:
    """Add a finding for each unsupported construct, then for each violation of the OpenAPI 3.0 schema.

    Raises `ContractError` for a document that violates the schema, and at once for one of another version than 3.x:
    no other check would be reliable.
    """
    root = document.root
    newer = _version(root, findings)
    if newer:
        check_newer(root, findings)
    else:
        findings.refuse()
    if "webhooks" in root:
        findings.add(
            root.key("webhooks"), "webhooks", "Webhooks are not supported.", "Publish an event instead."
        )
    for node in structure(root):
        _reference(node, document, findings)
        check_extensions(node, findings)
    _reference_names(root, findings)
    check_effect(root, findings)
    components = root.get("components") or Node(root.location, "")
    for name in ("callbacks", "links"):
        if name in components:
            _unsupported(components, name, findings)
    _each(components.get("schemas"), lambda node: _schema(node, findings))
    _each(components.get("parameters"), lambda node: _parameter(node, findings))
    _each(components.get("headers"), lambda node: _header(node, findings))
    _each(components.get("requestBodies"), lambda node: _content(node, findings))
    _each(components.get("responses"), lambda node: _response(node, findings))
    paths = root.get("paths") or Node(root.location, "")
    for path, item in paths.items():
        if path.startswith("x-"):
            continue
        check_path(path, paths.key(path), findings)
        _path_item(item, findings)
    if not newer:
        check_grammar(document, findings)


def _version(root: Node, findings: Findings) -> bool:
    """Add a finding for another version than 3.0. Return whether it is a later one that is close to it."""
    version = root.get("openapi")
    if "swagger" in root:
        at, reason = root.key("swagger"), f"This is Swagger {root.get('swagger').scalar}."  # type: ignore[union-attr]
    elif version is None:
        at, reason = root.location, "The file does not say which OpenAPI version it uses."
    elif not str(version.scalar).startswith("3.0."):
        at, reason = version.location, f"This is OpenAPI {version.scalar}."
    else:
        return False
    findings.add(at, "version", reason, "Write openapi: 3.0.3 and convert the file to that version.")
    return version is not None and str(version.scalar).startswith("3.")


def _each(nodes: Node | None, check: Callable[[Node], None]) -> None:
    if nodes is not None:
        for _, node in nodes.items():
            check(node)


def _reference(node: Node, document: Document, findings: Findings) -> None:
    """Check that a $ref has a target, even if no operation uses it, and that it has no siblings."""
    reference = node.get("$ref")
    if reference is None or not isinstance(reference.scalar, str):
        return  # `_reference_names` has added a finding
    document.resolve(node)
    for name, _ in node.items():
        if name != "$ref":
            findings.add(
                node.key(name),
                "ref-sibling",
                f"`{name}` next to $ref is ignored by OpenAPI 3.0.",
                f"Write allOf: [{{$ref: ...}}] next to `{name}`, or move `{name}` to the target of the $ref.",
            )


def _reference_names(root: Node, findings: Findings) -> None:
    """Refuse what is called $ref and is none: Connexion follows whatever stands under that key."""
    for node in root.walk():
        value = node.get("$ref")
        if value is not None and not isinstance(value.scalar, str):
            findings.add(
                node.key("$ref"),
                "ref-name",
                "Nothing but a reference can be called $ref.",
                "Give the property another name.",
            )


def _unsupported(node: Node, name: str, findings: Findings) -> None:
    fixes = {
        "callbacks": "Publish an event instead.",
        "links": "Describe the link in the description.",
        "discriminator": "Use a proto oneof: one property for each alternative, selected by oneOf.",
        "anyOf": "Use oneOf over the members of a proto oneof, or allOf.",
        "not": "Describe the allowed values, with enum, pattern or a range.",
        "trace": "Use another HTTP method.",
        "servers": "Declare one server at the top of the file.",
    }
    findings.add(node.key(name), name.lower(), f"`{name}` is not supported.", fixes[name])


def _path_item(item: Node, findings: Findings) -> None:
    for name in ("trace", "servers"):
        if name in item:
            _unsupported(item, name, findings)
    for node in item.listed("parameters"):
        _parameter(node, findings)
    for verb, operation in item.items():
        if verb in METHODS:
            _operation(operation, findings)


def _operation(operation: Node, findings: Findings) -> None:
    for name in ("callbacks", "servers"):
        if name in operation:
            _unsupported(operation, name, findings)
    for node in operation.listed("parameters"):
        _parameter(node, findings)
    body = operation.get("requestBody")
    if body is not None:
        _content(body, findings)
    _each(operation.get("responses"), lambda node: _response(node, findings))


def _parameter(node: Node, findings: Findings) -> None:
    if "$ref" in node:
        return
    location, name = node.text("in"), node.text("name") or ""
    if location == "cookie":
        findings.add(
            node,
            "cookie",
            "A cookie parameter is not supported.",
            "Send the value in a header, or as a bearer token.",
        )
        return
    if "content" in node:
        findings.add(
            node.key("content"),
            "parameter-content",
            "A parameter with `content` is not supported.",
            "Write a `schema` instead, or move it into the body.",
        )
    elif "schema" not in node:
        findings.add(node, "schema", f"Parameter {name!r} has no schema.", "Add its schema.")
    if location == "header" and name.lower() in _IGNORED_HEADERS:
        findings.add(
            node,
            "header",
            f"OpenAPI ignores a header parameter named {name}.",
            "Remove it; the edge reads that header itself.",
        )
    if location == "header":
        check_header_name(name, node, findings)
    if location == "path" and not node.flag("required"):
        findings.add(
            node,
            "path-parameter",
            f"Path parameter {name!r} is always present, so it must be `required`.",
            "Add required: true.",
        )
    style = node.text("style")
    expected = _STYLES.get(location or "", "")
    if style is not None and style != expected:
        findings.add(
            node.key("style"),
            "style",
            f"Style {style!r} of a {location} parameter is not supported.",
            f"Remove it; the style of a {location} parameter is {expected}.",
        )
    explode = node.get("explode")
    if explode is not None and explode.scalar is not (location == "query"):
        findings.add(
            node.key("explode"),
            "style",
            f"`explode: {str(explode.scalar).lower()}` of a {location} parameter is not supported.",
            "Remove it; a list is ids=1&ids=2 in the query, and 1,2 in a path or header.",
        )
    for name in ("allowReserved", "allowEmptyValue"):
        if node.flag(name):
            findings.add(node.key(name), "style", f"`{name}` is not supported.", "Remove it.")
    schema = node.get("schema")
    if schema is not None:
        _schema(schema, findings)


def _header(node: Node, findings: Findings) -> None:
    if "content" in node:
        findings.add(
            node.key("content"),
            "parameter-content",
            "A header with `content` is not supported.",
            "Write a `schema` instead.",
        )
    schema = node.get("schema")
    if schema is not None:
        _schema(schema, findings)


def _content(node: Node, findings: Findings) -> None:
    for _, media in node.entries("content"):
        schema = media.get("schema")
        if schema is not None:
            _schema(schema, findings)


def _response(node: Node, findings: Findings) -> None:
    if "links" in node:
        _unsupported(node, "links", findings)
    headers = node.get("headers")
    for name, _ in node.entries("headers"):
        check_header_name(name, node.key("headers") if headers is None else headers.key(name), findings)
    _each(headers, lambda header: _header(header, findings))
    _content(node, findings)


def _schema(node: Node, findings: Findings) -> None:
    if "$ref" in node:
        return
    for name in ("discriminator", "anyOf", "not"):
        if name in node:
            _unsupported(node, name, findings)
    if node.text("pattern") is not None:
        check_pattern(node.get("pattern") or node, findings)
    for name in ("allOf", "anyOf", "oneOf"):
        for part in node.listed(name):
            _schema(part, findings)
    for name in ("not", "items", "additionalProperties"):
        child = node.get(name)
        if child is not None:
            _schema(child, findings)
    _each(node.get("properties"), lambda child: _schema(child, findings))
