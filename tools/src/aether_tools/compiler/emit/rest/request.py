"""Writes the functions of the REST edge that read a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aether_tools.compiler.binding.bindings import (
    NOTHING,
    ListOf,
    MapOf,
    MessageMapping,
    Object,
    One,
    Operation,
    Origin,
    RequestMapping,
    Source,
)
from aether_tools.compiler.emit.layout import Choice, Expression, Group, call, function, render
from aether_tools.compiler.emit.literals import docstring, literal
from aether_tools.compiler.emit.rest.values import AT, BODY, Pointer, Values
from aether_tools.compiler.model.contracts import EnumRef, Field, Message, Scalar, WellKnown
from aether_tools.compiler.model.derived import has_member_class
from aether_tools.compiler.model.naming import field_name


class RequestWriter:
    """Writes decode functions, of operations and of pairs."""

    def __init__(
        self,
        values: Values,
        functions: Sequence[str],
        oneofs: Mapping[tuple[str, str], str],
        service_types: str,
    ) -> None:
        """`oneofs` names the function of each oneof, by the function it serves and the oneof's name.

        `service_types` is the package that google.protobuf.Empty's class is imported from.
        """
        self._values = values
        self._functions = functions
        self._readers = oneofs
        self._package = service_types
        self._placed: set[str] = set()
        """Functions of oneofs that take the location they read from."""

    def operation(self, operation: Operation) -> list[list[str]]:
        """The decode function of an operation, after the functions of its oneofs."""
        message = operation.request.message
        blocks: list[list[str]] = []
        result = self._class(message)
        body = docstring(4, _described(operation))
        mapping = operation.body
        uses_body = mapping is not None and (mapping.sources or mapping.refused)
        if uses_body and mapping is not None:
            optional = not any(source.sure for source in mapping.sources)
            body.append("    body = inputs.body or {}" if optional else "    body = inputs.body")
            body += self._guards(mapping, BODY)
            blocks += self._oneofs(mapping, f"_{operation.python_name}")
        owner = f"_{operation.python_name}"
        request = operation.request
        arguments = self._parts(message, request.parts, owner, BODY, request.caller)
        body += render(4, "return ", call(result, *arguments))
        name = f"_{operation.python_name}_request"
        inputs = "inputs" if uses_body or request.parts or request.caller is not None else "_"
        parameter = f"{inputs}: {self._values.kit('Inputs')}, /"
        blocks.append([*function(0, name, parameter, result), *body])
        return blocks

    def mapping(self, mapping: MessageMapping, index: int) -> list[list[str]]:
        """The decode function of a pair, after the functions of its oneofs."""
        name = self._functions[index]
        fails = self._values.fails(Object(index))
        at = AT
        result = self._class(mapping.message)
        lines = [
            *function(0, name, self._parameters(fails), result),
            *self._guards(mapping, at),
        ]
        oneofs = self._oneofs(mapping, name)
        parts: dict[str, Source | RequestMapping] = {source.field.name: source for source in mapping.sources}
        arguments = self._parts(mapping.message, parts, name, at)
        return [*oneofs, [*lines, *render(4, "return ", call(result, *arguments))]]

    def _parameters(self, fails: bool) -> str:
        body = f"body: dict[str, {self._values.imports.need('typing', 'Any')}]"
        return f"{body}, at: str, /" if fails else f"{body}, /"

    def _class(self, message: Message) -> str:
        if message.full_name == WellKnown.EMPTY.value:
            return self._values.type(self._package, "Empty")
        return self._values.type(message.package, message.python_name)

    def _parts(
        self,
        message: Message,
        parts: dict[str, Source | RequestMapping],
        owner: str,
        at: Pointer,
        caller: Field | None = None,
    ) -> list[tuple[str, Expression]]:
        arguments: list[tuple[str, Expression]] = []
        oneofs: set[str] = set()
        for field in message.fields:
            if field is caller:
                arguments.append((f"{field.python_name}=", self._caller(field)))
                continue
            part = parts.get(field.name)
            if part is None:
                arguments += self._unset(field)
            elif isinstance(part, RequestMapping):
                inner = self._parts(part.message, part.parts, owner, at)
                arguments.append((f"{field.python_name}=", call(self._class(part.message), *inner)))
            elif field.oneof is None:
                arguments.append((f"{field.python_name}=", self._source(part, at)))
            elif field.oneof not in oneofs:
                oneofs.add(field.oneof)
                reader = self._readers[owner, field.oneof]
                location = f", {at}" if reader in self._placed else ""
                arguments.append((f"{field_name(field.oneof)}=", f"{reader}(body{location})"))
        return arguments

    def _unset(self, field: Field) -> list[tuple[str, Expression]]:
        """A field that no request may carry has its zero, or is left to its default."""
        if field.repeated or field.map_key is not None or field.nullable or field.oneof is not None:
            return []
        return [(f"{field.python_name}=", self._values.zero(field))]

    def _caller(self, field: Field) -> Expression:
        message = self._values.message_of(field)
        items = [(f"{each.python_name}=", f"inputs.identity.{each.name}") for each in message.fields]
        return call(self._class(message), *items)

    def _source(self, source: Source, at: Pointer) -> Expression:
        conversion = source.conversion
        match source.origin:
            case Origin.RAW_BODY | Origin.CLIENT_ADDRESS:
                return f"inputs.{source.origin.value}"
            case Origin.WHOLE_BODY:
                container, location, raw = "", BODY, "inputs.body"
            case Origin.BODY:
                container, location = "body", at.child(source.name)
                raw = f"body[{literal(source.name)}]"
            case _:
                container = f"inputs.{source.origin.value}"
                location = Pointer((source.name,))
                raw = f"{container}[{literal(source.name)}]"
        if source.sure and not source.nullable:
            return self._values.read(conversion, raw, location)
        if source.default is not NOTHING:
            raw = f"{container}.get({literal(source.name)}, {literal(source.default)})"
            if not source.nullable:
                return self._values.read(conversion, raw, location)
        elif not source.sure and container:
            if not source.field.nullable:
                absent = _absent(source, self._values)
                return self._values.read(
                    conversion, f"{container}.get({literal(source.name)}, {absent})", location
                )
            raw = f"{container}.get({literal(source.name)})"
        elif not source.sure and not source.field.nullable:
            return Choice(
                str(self._values.read(conversion, raw, location)),
                "inputs.body is not None",
                self._values.zero(source.field),
            )
        if self._values.passes(conversion):
            return raw
        value = self._values.read(conversion, "value", location)
        return Choice("None", f"(value := {raw}) is None", str(value))

    def _guards(self, mapping: MessageMapping, at: Pointer) -> list[str]:
        lines = []
        for name, reason in mapping.refused:
            malformed = self._values.imports.need("aether_adapters.kernel.errors", "Malformed")
            error = call(malformed, ("", str(at.child(name))), ("", literal(reason)))
            lines += [f"    if {literal(name)} in body:", *render(8, "raise ", error)]
        return lines

    def _oneofs(self, mapping: MessageMapping, owner: str) -> list[list[str]]:
        names = dict.fromkeys(source.field.oneof for source in mapping.sources if source.field.oneof)
        return [self._oneof(mapping, owner, oneof) for oneof in names]

    def _oneof(self, mapping: MessageMapping, owner: str, oneof: str) -> list[str]:
        sources = [source for source in mapping.sources if source.field.oneof == oneof]
        classes = [self._values.member(mapping.message, source.field) for source in sources]
        exclusive = oneof in mapping.exclusive
        fails = (
            exclusive or len(sources) > 1 or any(self._values.fails(source.conversion) for source in sources)
        )
        if fails:
            self._placed.add(self._readers[owner, oneof])
        lines = function(
            0,
            self._readers[owner, oneof],
            self._parameters(fails),
            classes if exclusive else [*classes, "None"],
        )
        if not exclusive and len(sources) > 1:
            malformed = self._values.imports.need("aether_adapters.kernel.errors", "Malformed")
            members = Group("(", tuple(("", literal(source.name)) for source in sources), ")")
            lines += [
                *render(4, "members = ", members),
                "    if sum(name in body for name in members) > 1:",
                f"""        raise {malformed}(at, f"holds more than one of {{', '.join(members)}}")""",
            ]
        for source, cls in zip(sources, classes, strict=True):
            key = literal(source.name)
            value = self._values.read(source.conversion, f"body[{key}]", AT.child(source.name))
            if has_member_class(mapping.message, source.field):
                value = call(cls, ("value=", value))
            lines += [f"    if body.get({key}) is not None:", *render(8, "return ", value)]
        if not exclusive:
            return [*lines, "    return None"]
        malformed = self._values.imports.need("aether_adapters.kernel.errors", "Malformed")
        names = ", ".join(source.name for source in sources)
        error = call(malformed, ("", "at"), ("", literal(f"holds none of {names}")))
        return [*lines, *render(4, "raise ", error)]


def _absent(source: Source, values: Values) -> str:
    """The JSON value that stands for a field that is left out."""
    match source.conversion:
        case ListOf():
            return "()"
        case MapOf():
            return "{}"
        case One(kind, _, etag):
            if etag:
                return literal('"0"')
            if isinstance(kind, EnumRef):
                return values.zero_name(kind)
            zero = {"float": "0.0", "bool": "False", "str": '""', "bytes": '""'}
            wide = isinstance(kind, Scalar) and "64" in kind.value
            return '"0"' if wide else zero.get(kind.python if isinstance(kind, Scalar) else "", "0")
        case Object():
            return "{}"


def _described(operation: Operation) -> str:
    return "\n\n".join(filter(None, (operation.doc, "Deprecated." if operation.deprecated else "")))
