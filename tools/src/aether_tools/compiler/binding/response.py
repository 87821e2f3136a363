"""Binds an operation's success responses to the fields of its method's response."""

from __future__ import annotations

import re
from typing import Final

from aether_tools.compiler.binding.agreement import Agreement, unknown_field
from aether_tools.compiler.binding.bindings import Direction, Header, Object, One, Output, Response
from aether_tools.compiler.binding.json_types import proto_type
from aether_tools.compiler.model.contracts import Field, Message, MessageRef, Scalar, WellKnown
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.operations import OperationSpec, ResponseSpec
from aether_tools.compiler.openapi.schema import Schemas

_TEMPLATE_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_EDGE_HEADERS: Final = ("content-type", "content-length", "transfer-encoding", "connection", "date")
"""Headers that the edge writes itself."""
_FIXED_HEADER: Final = "cache-control"
"""The header that a contract may fix; the edge reads it from there."""
_DIRECTIVES: Final = re.compile(r"[a-z-]+(=[0-9]+)?(, [a-z-]+(=[0-9]+)?)*")
"""Cache-Control (RFC 9111, section 5.2) without quoted names of fields."""


class ResponseBinder:
    """Binds one operation's outputs."""

    def __init__(
        self,
        spec: OperationSpec,
        message: Message | None,
        agreement: Agreement,
        schemas: Schemas,
        document: Document,
        findings: Findings,
    ) -> None:
        """`message` is None for google.protobuf.Empty."""
        self._spec = spec
        self._message = message
        self._agreement = agreement
        self._schemas = schemas
        self._document = document
        self._findings = findings
        self._bound: set[str] = set()

    def bind(self) -> tuple[Response, ...]:
        """Bind all success responses, in file order. A field that no response returns becomes a finding."""
        specs = self._spec.responses
        plain = [spec for spec in specs if spec.selector is None]
        if not specs:
            self._findings.add(
                self._spec.node.key("responses"),
                "status",
                f"{self._spec.operation_id} declares no success status.",
                "Add one, such as '200' or '204'.",
            )
        elif len(plain) != 1:
            self._findings.add(
                self._spec.node.key("responses"),
                "status",
                f"{len(plain)} of the {len(specs)} success statuses have no x-from; exactly one must have none.",
                "Add x-from: <bool field, or field with presence> to every status but one.",
            )
        selectors = {spec.status: self._selector(spec) for spec in specs}
        headers = {spec.status: self._headers(spec, selectors[spec.status]) for spec in specs}
        for spec in specs:
            self._note_body_field(spec)
        bodies = {spec.status: self._body(spec, selectors[spec.status]) for spec in specs}
        self._complete(specs)
        return tuple(
            Response(spec.status, selectors[spec.status], headers[spec.status], bodies[spec.status])
            for spec in specs
        )

    def _path(self, path: str, at: Node, present: tuple[Field, ...] | None) -> tuple[Field, ...] | None:
        """Return the fields along a dotted path of proto names. None if a finding says why not.

        Each field but the last must always be present, or be selected by `present`.
        """
        message, fields = self._message, list[Field]()
        for step in path.split("."):
            field = None if message is None else message.field(step)
            if field is None:
                owner = WellKnown.EMPTY.value if message is None else message.full_name
                known = "" if message is None else ", ".join(each.name for each in message.fields)
                reason, fix = f"{owner} has no field {step!r}.", f"Use one of: {known or '(no fields)'}."
                if message is None:
                    self._findings.add(at, "x-from", reason, fix)
                else:
                    self._findings.add_effect(unknown_field(message, step), at, "x-from", reason, fix)
                return None
            fields.append(field)
            if len(fields) == 1:
                self._bound.add(field.name)
            last = len(fields) == len(path.split("."))
            if not last:
                always_present = not field.nullable or present == tuple(fields)
                if (
                    not isinstance(field.type, MessageRef)
                    or field.repeated
                    or field.map_key
                    or field.oneof
                    or not always_present
                ):
                    self._findings.add(
                        at,
                        "x-from",
                        f"{path!r} passes through {field.name}: {proto_type(field, self._agreement.contracts)}.",
                        "Use a path through messages that are always present.",
                    )
                    return None
                message = self._agreement.contracts.messages[field.type.full_name]
        return tuple(fields)

    def _selector(self, spec: ResponseSpec) -> tuple[Field, ...] | None:
        if spec.selector is None:
            return None
        path = self._path(str(spec.selector.scalar), spec.selector, None)
        if path is None:
            return None
        field = path[-1]
        plain = not field.repeated and field.map_key is None and field.oneof is None
        if not (plain and (field.type is Scalar.BOOL or field.nullable)):
            self._findings.add(
                spec.selector,
                "x-from",
                f"{field.name} is {proto_type(field, self._agreement.contracts)}, which cannot select a status.",
                "Use a bool field, or an `optional` field, which selects the status if it is set.",
            )
            return None
        return path

    def _check_fixed(self, name: str, use: Node, header: Node) -> None:
        schema = header.get("schema")
        values = [] if schema is None else [node.scalar for node in schema.listed("enum")]
        if len(values) != 1 or not _DIRECTIVES.fullmatch(str(values[0])):
            self._findings.add(
                use,
                "header",
                f"Header {name} has neither a source nor one fixed value.",
                "Give its schema one value in enum, such as [no-store] or ['private, max-age=60'], or add x-from.",
            )

    def _headers(self, spec: ResponseSpec, selector: tuple[Field, ...] | None) -> tuple[Header, ...]:
        found = []
        for name, use in spec.headers:
            node = self._document.resolve(use)
            if node is None:
                continue
            if name.lower() in _EDGE_HEADERS:
                self._findings.add(use, "header", f"{name} is written by the edge.", "Remove this header.")
                continue
            origin = node.get("x-from")
            if origin is None and name.lower() == _FIXED_HEADER:
                self._check_fixed(name, use, node)
                continue
            if origin is None or not isinstance(origin.scalar, str):
                self._findings.add(
                    use,
                    "header",
                    f"Header {name} has no source.",
                    "Add x-from: a path to a field, or a template such as /v1/invoices/{id}.",
                )
                continue
            schema = node.get("schema")
            if schema is None:
                self._findings.add(use, "header", f"Header {name} has no schema.", "Add its schema.")
                continue
            header = self._header(name, node, origin, schema, selector)
            if header is not None:
                found.append(header)
        return tuple(found)

    def _header(
        self, name: str, node: Node, origin: Node, schema: Node, selector: tuple[Field, ...] | None
    ) -> Header | None:
        text = str(origin.scalar)
        if "{" not in text and "}" not in text:
            path = self._path(text, origin, selector)
            if path is None or not self._simple(path[-1], origin):
                return None
            conversion = self._agreement.field(schema, path[-1], Direction.RESPONSE)
            if conversion is None:
                return None
            absent = path[-1].nullable and path != selector
            if absent and node.flag("required"):
                self._findings.add(
                    node,
                    "required",
                    f"Header {name} is required, but {path[-1].name} may be absent.",
                    "Remove required: true, or remove `optional` from the proto field.",
                )
            return Header(name.lower(), Output(path, conversion))
        shape = self._schemas.shape(schema)
        if shape is not None and (shape.type != "string" or shape.format in ("int64", "etag", "byte")):
            self._findings.add(
                schema, "type", "A header made from a template must be a string.", "Write type: string."
            )
        pieces: list[str | Output] = []
        for index, piece in enumerate(_TEMPLATE_FIELD.split(text)):
            if index % 2 == 0:
                if "{" in piece or "}" in piece:
                    self._findings.add(
                        origin, "x-from", f"{text!r} has an unmatched brace.", "Write fields as {path}."
                    )
                    return None
                if not (piece.isascii() and piece.isprintable()):
                    self._findings.add(
                        origin,
                        "x-from",
                        f"{text!r} has a character that a header cannot carry (RFC 9110, section 5.5).",
                        "Use visible ASCII characters and spaces; percent-encode others.",
                    )
                    return None
                if piece:
                    pieces.append(piece)
                continue
            path = self._path(piece, origin, selector)
            if path is None or not self._simple(path[-1], origin):
                return None
            kind = path[-1].type
            if path[-1].nullable or isinstance(kind, MessageRef | WellKnown):
                self._findings.add(
                    origin,
                    "x-from",
                    f"{path[-1].name} is {proto_type(path[-1], self._agreement.contracts)}, which a template cannot hold.",
                    "Use strings, integers and enums that are always present.",
                )
                return None
            pieces.append(Output(path, One(kind)))
        return Header(name.lower(), tuple(pieces))

    def _simple(self, field: Field, at: Node) -> bool:
        simple = not field.repeated and field.map_key is None and not isinstance(field.type, MessageRef)
        if not simple or field.oneof is not None or field.type in (WellKnown.STRUCT, WellKnown.EMPTY):
            self._findings.add(
                at,
                "header",
                f"{field.name} is {proto_type(field, self._agreement.contracts)}, but a header must be one value.",
                "Bind the header to a scalar, an enum or a timestamp.",
            )
            return False
        return True

    def _note_body_field(self, spec: ResponseSpec) -> None:
        """Mark a body's x-from field as bound, before other bodies are compared with the remaining fields."""
        origin = None if spec.media is None else spec.media.text("x-from")
        if origin is not None:
            self._bound.add(origin.split(".")[0])

    def _body(self, spec: ResponseSpec, selector: tuple[Field, ...] | None) -> Output | None:
        if spec.media is None:
            return None
        schema = spec.media.get("schema")
        if schema is None:
            self._findings.add(
                spec.media,
                "schema",
                f"The body of {spec.status} has no schema.",
                "Add the schema of its JSON.",
            )
            return None
        origin = spec.media.get("x-from")
        if origin is not None:
            return self._field_body(spec, origin, schema, selector)
        shape = self._schemas.shape(schema)
        if shape is None:
            return None
        if shape.type != "object" or (shape.free and self._message is not None and self._message.fields):
            self._findings.add(
                schema,
                "type",
                f"The body of {spec.status} is not an object with the response's fields as properties.",
                "Write type: object with these properties, or x-from: <field> next to `schema`.",
            )
            return None
        if self._message is None:
            if shape.properties:
                self._findings.add(
                    schema,
                    "type",
                    f"The body of {spec.status} has properties, but the response is google.protobuf.Empty.",
                    "Remove the properties, or use status 204.",
                )
            return Output((), One(WellKnown.EMPTY))
        mapping = self._agreement.mapping(self._message, shape, Direction.RESPONSE, frozenset(self._bound))
        return Output((), Object(mapping))

    def _field_body(
        self, spec: ResponseSpec, origin: Node, schema: Node, selector: tuple[Field, ...] | None
    ) -> Output | None:
        path = self._path(str(origin.scalar), origin, selector)
        if path is None:
            return None
        if (path[-1].nullable or path[-1].oneof) and path != selector:
            self._findings.add(
                origin,
                "x-from",
                f"{path[-1].name} may be absent, but the body of {spec.status} may not.",
                f"Select the status by the same field (x-from: {origin.scalar} on the response), or remove `optional`.",
            )
            return None
        conversion = self._agreement.field(schema, path[-1], Direction.RESPONSE)
        return None if conversion is None else Output(path, conversion)

    def _complete(self, specs: tuple[ResponseSpec, ...]) -> None:
        """Add a finding for each field that no response returns."""
        whole = any(spec.media is not None and "x-from" not in spec.media for spec in specs)
        if self._message is None or whole or not specs:
            return
        lost = [field for field in self._message.fields if field.name not in self._bound]
        if lost:
            names = ", ".join(f"{field.name} ({field.location})" for field in lost)
            self._findings.add(
                self._spec.node.key("responses"),
                "field-without-partner",
                f"No response returns {names} of {self._message.full_name}.",
                "Add a body, bind headers with x-from, or return google.protobuf.Empty.",
            )
