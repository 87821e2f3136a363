"""Reads the operations of an OpenAPI document and follows their references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aether_tools.compiler.openapi.document import Document, Findings, Node

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

_TEMPLATE: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter; `use` is where the operation names it, `node` where it is declared."""

    use: Node
    node: Node
    name: str
    location: str
    schema: Node
    required: bool
    field: str | None


@dataclass(frozen=True, slots=True)
class RequestBody:
    node: Node
    media_type: str
    schema: Node | None
    required: bool
    field: str | None


@dataclass(frozen=True, slots=True)
class ResponseSpec:
    """A success response; `selector` is its x-from, the field that selects it."""

    use: Node
    node: Node
    status: int
    selector: Node | None
    headers: tuple[tuple[str, Node], ...]
    media: Node | None


@dataclass(frozen=True, slots=True)
class OperationSpec:
    node: Node
    operation_id: str
    path: str
    verb: str
    rpc: Node | None
    parameters: tuple[Parameter, ...]
    body: RequestBody | None
    inputs: tuple[Node, ...]
    responses: tuple[ResponseSpec, ...]
    security: Node | None
    doc: str
    deprecated: bool


def has_operations(document: Document) -> bool:
    """Return whether the document declares any operation, valid or not."""
    return any(verb in METHODS for _, item in document.root.entries("paths") for verb, _ in item.items())


class Operations:
    """Reads operations. A fault of one becomes a finding, and the others are still read."""

    def __init__(self, document: Document, findings: Findings) -> None:
        self._document = document
        self._findings = findings

    def read(self) -> list[OperationSpec]:
        """Return all operations, in the order of the file."""
        paths = self._document.root.get("paths")
        found: list[OperationSpec] = []
        if paths is None:
            return found
        self._collisions(paths)
        by_id: dict[str, Node] = {}
        for path, item in paths.items():
            for verb, node in item.items() if path.startswith("/") else ():
                if verb in METHODS and verb != "trace" and node.mapping is not None:
                    spec = self._operation(path, verb, node, item)
                    if spec is not None and self._unique(spec, by_id):
                        found.append(spec)
        return found

    def _collisions(self, paths: Node) -> None:
        known: dict[str, str] = {}
        for path, item in paths.items():
            if "$ref" in item:
                self._findings.add(
                    item, "path-ref", "A $ref to a path item is not supported.", "Write the operations here."
                )
            same = _TEMPLATE.sub("{}", path)
            if same in known:
                self._findings.add(
                    paths.key(path),
                    "path-collision",
                    f"{path!r} and {known[same]!r} are the same path.",
                    "Put their operations under one of them.",
                )
            known.setdefault(same, path)

    def _unique(self, spec: OperationSpec, by_id: dict[str, Node]) -> bool:
        at = spec.node.get("operationId") or spec.node
        if spec.operation_id in by_id:
            self._findings.add(
                at,
                "duplicate-operation",
                f"operationId {spec.operation_id!r} is already at line {by_id[spec.operation_id].location.line}.",
                "Give each operation its own operationId.",
            )
            return False
        by_id[spec.operation_id] = at
        return True

    def _operation(self, path: str, verb: str, node: Node, item: Node) -> OperationSpec | None:
        operation_id = node.text("operationId")
        if not operation_id:
            self._findings.add(
                item.key(verb),
                "operation-id",
                f"{verb.upper()} {path} has no operationId.",
                "Add operationId: the method's name, with a small first letter.",
            )
        elif not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", operation_id):
            self._findings.add(
                node.get("operationId") or node,
                "operation-id",
                f"operationId {operation_id!r} cannot become the name of a function.",
                "Use letters, digits and underscores, and start with a letter.",
            )
            operation_id = None
        parameters, body = self._parameters(path, node, item), self._body(node, verb)
        responses = tuple(self._responses(node))
        if operation_id is None:
            return None
        texts = [node.text("summary"), node.text("description")]
        return OperationSpec(
            node,
            operation_id,
            path,
            verb,
            node.get("x-rpc"),
            parameters,
            body,
            tuple(node.listed("x-inputs")),
            responses,
            node.get("security") or self._document.root.get("security"),
            "\n\n".join(text.strip() for text in texts if text),
            node.flag("deprecated"),
        )

    def _parameters(self, path: str, node: Node, item: Node) -> tuple[Parameter, ...]:
        found: dict[tuple[str, str], Parameter] = {}
        for level in (item, node):
            here: set[tuple[str, str]] = set()
            for use in level.listed("parameters"):
                parameter = self._parameter(use)
                if parameter is None:
                    continue
                key = (
                    parameter.location,
                    parameter.name.lower() if parameter.location == "header" else parameter.name,
                )
                if key in here:
                    self._findings.add(
                        use,
                        "duplicate-parameter",
                        f"{parameter.location} parameter {parameter.name!r} is declared twice.",
                        "Keep one of them.",
                    )
                here.add(key)
                found[key] = parameter
        templated = _TEMPLATE.findall(path)
        for name in templated:
            if ("path", name) not in found:
                self._findings.add(
                    node,
                    "path-parameter",
                    f"{{{name}}} of {path} is not declared.",
                    f"Add a parameter: name: {name}, in: path, required: true.",
                )
        for (location, name), parameter in found.items():
            if location == "path" and name not in templated:
                self._findings.add(
                    parameter.use,
                    "path-parameter",
                    f"Path parameter {name!r} is not in {path}.",
                    f"Write {{{name}}} into the path, or remove the parameter.",
                )
        return tuple(found.values())

    def _parameter(self, use: Node) -> Parameter | None:
        node = self._document.resolve(use)
        if node is None:
            return None
        name, location, schema = node.text("name"), node.text("in"), node.get("schema")
        if not name or location not in ("path", "query", "header") or schema is None:
            return None  # `check_constructs` has added a finding
        return Parameter(use, node, name, location, schema, node.flag("required"), node.text("x-field"))

    def _body(self, operation: Node, verb: str) -> RequestBody | None:
        use = operation.get("requestBody")
        node = None if use is None else self._document.resolve(use)
        if node is None:
            return None
        if verb in ("get", "head", "delete"):
            self._findings.add(
                operation.key("requestBody"),
                "request-body",
                f"A body of {verb.upper()} has no meaning (RFC 9110).",
                "Send the values as query parameters, or use POST.",
            )
        content = list(node.entries("content"))
        if len(content) != 1:
            self._findings.add(
                node,
                "media-type",
                f"A request body must have one media type, not {len(content)}.",
                "Keep application/json.",
            )
            return None
        media_type, media = content[0]
        return RequestBody(
            node,
            media_type,
            media.get("schema"),
            node.flag("required"),
            node.text("x-field") or media.text("x-field"),
        )

    def _responses(self, operation: Node) -> Iterator[ResponseSpec]:
        responses = operation.get("responses")
        if responses is None or responses.mapping is None:
            return
        for status, use in responses.items():
            node = self._document.resolve(use)
            if node is None or status.startswith("x-"):
                continue
            if not re.fullmatch(r"[1-5][0-9]{2}", status):
                self._findings.add(
                    responses.key(status),
                    "status",
                    f"`{status}` covers statuses that it does not list.",
                    "List every status by its number, each with a $ref to components/responses.",
                )
                continue
            if status.startswith("1"):
                self._findings.add(
                    responses.key(status), "status", f"No use case returns status {status}.", "Remove it."
                )
            elif status[0] in "23":
                yield self._response(int(status), use, node)
            else:
                self._problem(node)

    def _response(self, status: int, use: Node, node: Node) -> ResponseSpec:
        content = list(node.entries("content"))
        for media_type, media in content:
            if media_type != "application/json":
                self._findings.add(
                    media,
                    "media-type",
                    f"A response of {media_type} is not supported.",
                    "Write application/json.",
                )
        if content and status in (204, 205, 304):
            self._findings.add(
                node.get("content") or node,
                "no-body",
                f"A response of status {status} has no body.",
                "Remove its content.",
            )
        headers = tuple(node.entries("headers"))
        json = next((media for name, media in content if name == "application/json"), None)
        return ResponseSpec(use, node, status, node.get("x-from"), headers, json)

    def _problem(self, node: Node) -> None:
        """Check an error response: the kit renders errors, so that they look the same everywhere."""
        for media_type, media in node.entries("content"):
            if media_type != "application/problem+json":
                self._findings.add(
                    media,
                    "problem",
                    f"An error must be a problem (RFC 9457), not {media_type}.",
                    "Write application/problem+json.",
                )
        for name, header in node.entries("headers"):
            if name.lower() not in ("retry-after", "www-authenticate"):
                self._findings.add(
                    header,
                    "problem",
                    f"The kit never sends header {name} with an error.",
                    "Remove it, and make the value an attribute of the error; clients read it in `values`.",
                )
        if "x-from" in node:
            self._findings.add(
                node.get("x-from") or node,
                "problem",
                "A use case raises an error; no field of its response selects one.",
                "Remove x-from, and raise the error.",
            )
