"""Binds the success responses of an operation to the fields of its method's response."""

from __future__ import annotations

import re
from typing import Final

from aether_tools.compiler.binding.agreement import Agreement
from aether_tools.compiler.binding.bindings import Direction, Header, Object, One, Output, Response
from aether_tools.compiler.binding.json_types import described
from aether_tools.compiler.model.contracts import Field, Message, MessageRef, Scalar, WellKnown
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.operations import OperationSpec, ResponseSpec
from aether_tools.compiler.openapi.schema import Schemas

_PIECE: Final = re.compile(r"\{([^{}]*)\}")
_KIT: Final = ("content-type", "content-length", "transfer-encoding", "connection", "date")


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
        self._partners: set[str] = set()

    def bind(self) -> tuple[Response, ...]:
        """Every success response, in the order of the file, with a partner for every field."""
        specs = self._spec.responses
        plain = [spec for spec in specs if spec.selector is None]
        if not specs:
            self._findings.add(
                self._spec.node.key("responses"),
                "status",
                f"{self._spec.operation_id} declares no success.",
                "Add the status it succeeds with, such as '200' or '204'.",
            )
        elif len(plain) != 1:
            self._findings.add(
                self._spec.node.key("responses"),
                "status",
                f"{len(plain)} of the {len(specs)} success statuses are without x-from; exactly one must be.",
                "Choose each further status by x-from: <bool field, or field with presence>.",
            )
        selectors = {spec.status: self._selector(spec) for spec in specs}
        headers = {spec.status: self._headers(spec, selectors[spec.status]) for spec in specs}
        for spec in specs:
            self._single(spec)
        bodies = {spec.status: self._body(spec, selectors[spec.status]) for spec in specs}
        self._complete(specs)
        return tuple(
            Response(spec.status, selectors[spec.status], headers[spec.status], bodies[spec.status])
            for spec in specs
        )

    def _path(self, path: str, at: Node, present: tuple[Field, ...] | None) -> tuple[Field, ...] | None:
        """The fields a path leads through; each but the last is always there, or chosen by `present`."""
        message, fields = self._message, list[Field]()
        for step in path.split("."):
            field = None if message is None else message.field(step)
            if field is None:
                owner = WellKnown.EMPTY.value if message is None else message.full_name
                known = "" if message is None else ", ".join(each.name for each in message.fields)
                self._findings.add(
                    at, "x-from", f"{owner} has no field {step!r}.", f"Write one of: {known or 'nothing'}."
                )
                return None
            fields.append(field)
            if len(fields) == 1:
                self._partners.add(field.name)
            last = len(fields) == len(path.split("."))
            if not last:
                there = not field.nullable or present == tuple(fields)
                if (
                    not isinstance(field.type, MessageRef)
                    or field.repeated
                    or field.map_key
                    or field.oneof
                    or not there
                ):
                    self._findings.add(
                        at,
                        "x-from",
                        f"{path!r} leads through {field.name}: {described(field, self._agreement.contracts)}.",
                        "Lead only through messages that are always there.",
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
                f"{field.name} is {described(field, self._agreement.contracts)}, which chooses nothing.",
                "Choose by a bool, or by an `optional` field that is set.",
            )
            return None
        return path

    def _headers(self, spec: ResponseSpec, selector: tuple[Field, ...] | None) -> tuple[Header, ...]:
        found = []
        for name, use in spec.headers:
            node = self._document.resolve(use)
            if node is None:
                continue
            if name.lower() in _KIT:
                self._findings.add(use, "header", f"{name} is written by the edge.", "Drop this header.")
                continue
            origin = node.get("x-from")
            if origin is None or not isinstance(origin.scalar, str):
                self._findings.add(
                    use,
                    "header",
                    f"Header {name} has no source.",
                    "Add x-from: a field's path, or a template such as /v1/invoices/{id}.",
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
                    f"Header {name} is required, and {path[-1].name} may be absent.",
                    "Drop required: true, or `optional` from the proto field.",
                )
            return Header(name.lower(), Output(path, conversion))
        shape = self._schemas.shape(schema)
        if shape is not None and (shape.type != "string" or shape.format in ("int64", "etag", "byte")):
            self._findings.add(schema, "type", "A template makes a string.", "Write type: string.")
        pieces: list[str | Output] = []
        for index, piece in enumerate(_PIECE.split(text)):
            if index % 2 == 0:
                if "{" in piece or "}" in piece:
                    self._findings.add(
                        origin, "x-from", f"A brace stands alone in {text!r}.", "Write fields as {path}."
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
                    f"{path[-1].name} is {described(path[-1], self._agreement.contracts)}, and a template needs text.",
                    "Use strings, integers and enums that are always there.",
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
                f"{field.name} is {described(field, self._agreement.contracts)}, and a header is one value.",
                "Bind the header to a scalar, an enum or a timestamp.",
            )
            return False
        return True

    def _single(self, spec: ResponseSpec) -> None:
        """Remember the field a body is made of, before bodies are compared with what is left."""
        origin = None if spec.media is None else spec.media.text("x-from")
        if origin is not None:
            self._partners.add(origin.split(".")[0])

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
                f"The body of {spec.status} is no object with the response's fields as properties.",
                "Write type: object with its properties, or x-from: <field> beside `schema`.",
            )
            return None
        if self._message is None:
            if shape.properties:
                self._findings.add(
                    schema,
                    "type",
                    "google.protobuf.Empty has no fields.",
                    "Drop the properties, or answer 204.",
                )
            return Output((), One(WellKnown.EMPTY))
        mapping = self._agreement.mapping(self._message, shape, Direction.RESPONSE, frozenset(self._partners))
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
                f"{path[-1].name} may be absent, and the body of {spec.status} may not.",
                f"Choose the status by the same field (x-from: {origin.scalar} on the response), or drop `optional`.",
            )
            return None
        conversion = self._agreement.field(schema, path[-1], Direction.RESPONSE)
        return None if conversion is None else Output(path, conversion)

    def _complete(self, specs: tuple[ResponseSpec, ...]) -> None:
        """Say which fields leave by no response at all."""
        whole = any(spec.media is not None and "x-from" not in spec.media for spec in specs)
        if self._message is None or whole or not specs:
            return
        for field in self._message.fields:
            if field.name not in self._partners:
                self._findings.add(
                    self._spec.node.key("responses"),
                    "field-without-partner",
                    f"{self._message.full_name}.{field.name} ({field.location}) leaves by no response.",
                    "Add a body, bind a header to it with x-from, or let the method return google.protobuf.Empty.",
                )
