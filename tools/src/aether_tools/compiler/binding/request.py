"""Binds an operation's inputs to the fields of its method's request."""

from __future__ import annotations

from aether_tools.compiler.binding.agreement import Agreement, unknown_field
from aether_tools.compiler.binding.bindings import (
    Direction,
    MessageMapping,
    One,
    Origin,
    RequestMapping,
    Source,
)
from aether_tools.compiler.binding.defaults import check_default
from aether_tools.compiler.binding.json_types import is_required, message_of, proto_type
from aether_tools.compiler.model.contracts import Contracts, Field, Message, MessageRef, Scalar
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.operations import OperationSpec, Parameter, RequestBody
from aether_tools.compiler.openapi.schema import Schemas
from aether_tools.finding import Location

_CALLER_FIELDS = ("subject", "roles", "session")


class RequestBinder:
    """Binds one operation's inputs.

    After `bind`, `body` is the mapping of a body whose properties are fields of the request, and `raw_body` says
    whether the operation reads the body as bytes.
    """

    def __init__(
        self,
        spec: OperationSpec,
        message: Message,
        agreement: Agreement,
        schemas: Schemas,
        document: Document,
        findings: Findings,
    ) -> None:
        self._spec = spec
        self._contracts: Contracts = agreement.contracts
        self._agreement = agreement
        self._schemas = schemas
        self._document = document
        self._findings = findings
        self._mapping = RequestMapping(message)
        self._bound: dict[tuple[str, ...], str] = {}
        self.body: MessageMapping | None = None
        self.raw_body = False

    def bind(self) -> RequestMapping:
        """Bind a source to each field of the request. A field without one becomes a finding."""
        before = len(self._findings)
        caller = next((field for field in self._mapping.message.fields if self._is_caller(field)), None)
        self._mapping.caller = caller
        for parameter in self._spec.parameters:
            self._parameter(parameter)
        for node in self._spec.inputs:
            self._input(node)
        if self._spec.body is not None:
            self._body(self._spec.body)
        if (
            len(self._findings) == before
        ):  # otherwise a field may lack a source only because its input is invalid
            self._complete(self._mapping)
        return self._mapping

    def _is_caller(self, field: Field) -> bool:
        return isinstance(field.type, MessageRef) and field.type.full_name == self._contracts.caller

    def _path(self, path: str, at: Node | Location, message: Message) -> tuple[Field, ...] | None:
        """Return the fields along a dotted path of proto names. None if a finding says why not."""
        fields: list[Field] = []
        for step in path.split("."):
            field = message.field(step)
            if field is None:
                known = ", ".join(each.name for each in message.fields if not self._is_caller(each))
                self._findings.add_effect(
                    unknown_field(message, step),
                    at,
                    "input-without-field",
                    f"{message.full_name} has no field {step!r}.",
                    f"Bind the input with x-field to one of: {known or '(no fields)'}.",
                )
                return None
            if self._is_caller(field):
                self._findings.add(
                    at,
                    "caller",
                    f"{field.name} comes from the verified token and cannot be an input.",
                    "Remove this input.",
                )
                return None
            fields.append(field)
            if len(fields) < len(path.split(".")):
                singular = not field.repeated and field.map_key is None and field.oneof is None
                if not isinstance(field.type, MessageRef) or not singular or field.optional:
                    self._findings.add(
                        at,
                        "input-path",
                        f"x-field {path!r} passes through {field.name}: {proto_type(field, self._contracts)}.",
                        "Use a path through messages that are not optional, repeated or in a oneof.",
                    )
                    return None
                message = self._contracts.messages[field.type.full_name]
        return tuple(fields)

    def _bind(self, path: tuple[Field, ...], source: Source, at: Node | Location, what: str) -> None:
        names = tuple(field.name for field in path)
        for known, other in self._bound.items():
            if known[: len(names)] == names or names[: len(known)] == known:
                self._findings.add(
                    at,
                    "duplicate-binding",
                    f"{'.'.join(names)} is already bound to {other}.",
                    "Keep one of them, or bind it to another field with x-field.",
                )
                return
        self._bound[names] = what
        mapping = self._mapping
        for field in path[:-1]:
            below = mapping.parts.get(field.name)
            if not isinstance(below, RequestMapping):
                below = RequestMapping(message_of(field, self._contracts))
                mapping.parts[field.name] = below
            mapping = below
        mapping.parts[path[-1].name] = source

    def _parameter(self, parameter: Parameter) -> None:
        message = self._mapping.message
        if parameter.field is not None:
            path = self._path(parameter.field, parameter.node.get("x-field") or parameter.node, message)
        else:
            field = message.by_json_name(parameter.name)
            path = self._path(field.name if field else parameter.name, parameter.use, message)
        if path is None:
            return
        field = path[-1]
        if field.oneof is not None:
            self._findings.add(
                parameter.use,
                "oneof",
                f"{field.name} is a member of oneof {field.oneof}, which a parameter cannot set.",
                "Move it into the body, or move the field out of the oneof.",
            )
            return
        if parameter.location in ("path", "query") and any(each.secret for each in path):
            self._findings.add(
                parameter.use,
                "secret-in-url",
                f"{field.name} ({field.location}) is redacted (debug_redact), but the {parameter.location} is part of the "
                "URL, which the log, every proxy and browser histories keep.",
                "Send it in the body or in a header.",
            )
            return
        conversion = self._agreement.field(parameter.schema, field, Direction.REQUEST)
        shape = self._schemas.shape(parameter.schema)
        if conversion is None or shape is None:
            return
        if "x-field" in shape.keywords:
            self._findings.add(
                shape.keywords["x-field"],
                "extension",
                f"x-field inside the schema of parameter {parameter.name!r} has no effect.",
                "Write it next to `name` and `in`.",
            )
        declared = self._schemas.target(parameter.schema)
        if declared is not None and "type" not in declared:
            self._findings.add(
                declared,
                "parameter-type",
                f"The schema of parameter {parameter.name!r} has no `type` of its own.",
                "Write the type here instead of in an allOf; without it, the parameter's text cannot be converted.",
            )
            return
        if field.map_key is not None or isinstance(field.type, MessageRef) or shape.type == "object":
            self._findings.add(
                parameter.node,
                "parameter-type",
                f"A parameter must be a value or a list of values, not {proto_type(field, self._contracts)}.",
                "Write one parameter for each value, or move it into the body.",
            )
            return
        check_default(shape, conversion, self._document, self._findings)
        sure = parameter.required or "default" in shape.keywords
        if is_required(field, self._contracts.enums) and not sure:
            self._findings.add(
                parameter.use,
                "required",
                f"{field.name} ({field.location}) cannot be absent, but {parameter.name!r} is not required.",
                "Add required: true or a default, or mark the proto field `optional`.",
            )
        source = Source(Origin(parameter.location), parameter.name, field, conversion, sure)
        self._bind(path, source, parameter.use, f"{parameter.location} parameter {parameter.name!r}")

    def _input(self, node: Node) -> None:
        origin, target = node.text("source"), node.text("x-field")
        kinds = {
            "raw-body": (Origin.RAW_BODY, Scalar.BYTES),
            "client-address": (Origin.CLIENT_ADDRESS, Scalar.STRING),
        }
        if origin not in kinds:
            self._findings.add(
                node,
                "input-source",
                f"Source {origin!r} is not supported.",
                "Write source: raw-body or client-address, or send the value in a header.",
            )
            return
        if target is None:
            self._findings.add(node, "input-source", "This input has no field.", "Add x-field: <proto name>.")
            return
        path = self._path(target, node.get("x-field") or node, self._mapping.message)
        if path is None:
            return
        kind, scalar = kinds[origin]
        field = path[-1]
        if field.type is not scalar or field.repeated or field.map_key is not None or field.oneof is not None:
            self._findings.add(
                node,
                "type",
                f"{origin} is {scalar.value}, but {field.name} is {proto_type(field, self._contracts)}.",
                f"Bind it to a field of type {scalar.value}.",
            )
            return
        self.raw_body = self.raw_body or kind is Origin.RAW_BODY
        self._bind(path, Source(kind, origin, field, One(scalar), sure=True), node, f"input {origin}")

    def _body(self, body: RequestBody) -> None:
        raw = any(node.text("source") == "raw-body" for node in self._spec.inputs)
        if body.media_type != "application/json":
            if not raw:
                self._findings.add(
                    body.node.get("content") or body.node,
                    "media-type",
                    f"A body of {body.media_type} is not supported.",
                    "Use application/json, or bind the bytes with x-inputs: [{source: raw-body, x-field: ...}].",
                )
            return
        if body.schema is None:
            if not raw:
                self._findings.add(
                    body.node, "schema", "The request body has no schema.", "Add the schema of its JSON."
                )
            return
        if body.field is not None:
            self._one_field(body, body.field, body.schema)
        else:
            self._properties(body, body.schema, raw)

    def _one_field(self, body: RequestBody, target: str, schema: Node) -> None:
        path = self._path(target, body.node, self._mapping.message)
        if path is None:
            return
        field = path[-1]
        if field.oneof is not None:
            self._findings.add(
                body.node,
                "oneof",
                f"{field.name} is a member of oneof {field.oneof}, which x-field on the body cannot set.",
                "Remove x-field, so that the body's properties are fields, and choose the member by oneOf.",
            )
            return
        conversion = self._agreement.field(schema, field, Direction.REQUEST)
        shape = self._schemas.shape(schema)
        if conversion is None or shape is None:
            return
        if is_required(field, self._contracts.enums) and not body.required:
            self._findings.add(
                body.node,
                "required",
                f"{field.name} ({field.location}) cannot be absent, but the body is not required.",
                "Add required: true to requestBody.",
            )
        source = Source(
            Origin.WHOLE_BODY,
            "",
            field,
            conversion,
            sure=body.required,
            nullable=field.nullable and shape.nullable,
        )
        self._bind(path, source, body.node, "the body")

    def _properties(self, body: RequestBody, schema: Node, raw: bool) -> None:
        shape = self._schemas.shape(schema)
        if shape is None:
            return
        if raw and shape.free:
            return
        if shape.type != "object":
            self._findings.add(
                schema,
                "type",
                "The body is not an object, so it has no properties to bind to fields.",
                "Bind it to one field with x-field on requestBody, or make it an object.",
            )
            return
        if not body.required and shape.required:
            self._findings.add(
                body.node,
                "required",
                f"The body has required properties ({', '.join(shape.required)}), but is not required itself.",
                "Add required: true to requestBody.",
            )
        mapping = MessageMapping(self._mapping.message, Direction.REQUEST, shape.name, shape.node.location)
        self._agreement.fill(mapping, shape, absent=frozenset(field.name for field in mapping.message.fields))
        for source in mapping.sources:
            node = shape.properties[source.name]
            self._bind((source.field,), source, node, f"property {source.name!r}")
        for name, _ in mapping.refused:
            field = self._agreement.field_of(name, shape.properties[name], mapping.message)
            if field is not None:
                self._bound.setdefault((field.name,), f"property {name!r}")
        if self._mapping.caller is not None and not shape.closed:
            mapping.refused.append(
                (self._mapping.caller.json_name, "is the caller, verified from the token; leave it out")
            )
        self.body = mapping

    def _complete(self, mapping: RequestMapping, above: tuple[str, ...] = ()) -> None:
        for field in mapping.message.fields:
            path = (*above, field.name)
            part = mapping.parts.get(field.name)
            if isinstance(part, RequestMapping):
                self._complete(part, path)
                continue
            if part is not None or path in self._bound:
                continue
            if self._is_caller(field) and not above:
                self._caller()
                continue
            self._findings.add(
                self._spec.node.get("operationId") or self._spec.node,
                "field-without-source",
                f"{'.'.join(path)} ({field.location}) has no source in {self._spec.operation_id}.",
                f"Add a parameter or property {field.json_name!r}, bind another with x-field, or remove the field.",
            )

    def _caller(self) -> None:
        message = self._contracts.messages[self._contracts.caller]
        for inner in message.fields:
            if inner.name not in _CALLER_FIELDS:
                self._findings.add(
                    inner.location,
                    "caller",
                    f"A token has no value for {message.full_name}.{inner.name}.",
                    f"Keep only {', '.join(_CALLER_FIELDS)}.",
                )
