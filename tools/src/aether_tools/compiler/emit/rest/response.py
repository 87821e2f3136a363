"""Writes the functions of the REST edge that render a result."""

from __future__ import annotations

from collections.abc import Sequence

from aether_tools.compiler.binding.bindings import (
    Header,
    MessageMapping,
    One,
    Operation,
    Output,
    Response,
    Source,
)
from aether_tools.compiler.binding.json_types import always_written
from aether_tools.compiler.emit.layout import Expression, Group, call, function, render
from aether_tools.compiler.emit.literals import Code, bytes_literal, f_string, literal
from aether_tools.compiler.emit.rest.values import Values
from aether_tools.compiler.model.contracts import EnumRef, Field, Message, Scalar, WellKnown
from aether_tools.compiler.model.derived import has_member_class
from aether_tools.compiler.model.naming import field_name


class ResponseWriter:
    """Writes encode functions, of operations and of pairs."""

    def __init__(self, values: Values, functions: Sequence[str], service_types: str) -> None:
        """`service_types` is the package that google.protobuf.Empty's class is imported from."""
        self._values = values
        self._functions = functions
        self._package = service_types

    def operation(self, operation: Operation) -> list[str]:
        """The encode function of an operation."""
        response = operation.response
        if isinstance(response, Message):
            result = self._values.type(response.package, response.python_name)
        else:
            result = self._values.type(self._package, "Empty")
        body: list[str] = []
        for reply in operation.responses:
            if reply.selector is not None:
                last = reply.selector[-1]
                test = _attribute("result", reply.selector) + (" is not None" if last.nullable else "")
                body += [f"    if {test}:", *self._reply(reply, 8)]
        for reply in operation.responses:
            if reply.selector is None:
                body += self._reply(reply, 4)
        uses = any("result" in line for line in body)
        parameter = f"result: {result}, /" if uses else f"_: {result}, /"
        return [*function(0, f"_{operation.python_name}_reply", parameter, self._values.kit("Reply")), *body]

    def _reply(self, reply: Response, indent: int) -> list[str]:
        margin = " " * indent
        optional = [header for header in reply.headers if _may_be_absent(header, reply.selector)]
        fixed = [header for header in reply.headers if header not in optional]
        entries = tuple(("", self._header(header)) for header in fixed)
        lines: list[str] = []
        if optional:
            head = "headers: list[tuple[str, str] | tuple[bytes, bytes]] = "
            lines += render(indent, head, Group("[", entries, "]"))
            for header in optional:
                lines += [
                    f"{margin}if {_attribute('result', _path(header))} is not None:",
                    f"{margin}    headers.append({self._header(header)})",
                ]
        headers: Expression = "tuple(headers)" if optional else Group("(", entries, ")", lone=True)
        arguments: list[tuple[str, Expression]] = [("", str(reply.status))]
        if reply.headers or reply.body is not None:
            arguments.append(("", headers))
        if reply.body is not None:
            arguments.append(
                ("", self._values.write(reply.body.conversion, _attribute("result", reply.body.path)))
            )
        return [*lines, *render(indent, "return ", call("Reply", *arguments))]

    def _header(self, header: Header) -> Group:
        """Name and value: as bytes where only integers are filled in, which the edge need not look at."""
        written = _bytes(header) or (literal(header.name), self._value_of(header))
        return Group("(", tuple(("", part) for part in written), ")")

    def _value_of(self, header: Header) -> str:
        if isinstance(header.source, Output):
            return self._text(header.source)
        return self._template(header.source)

    def _template(self, pieces: Sequence[str | Output]) -> str:
        parts: list[str | Code] = []
        for piece in pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            value, kind = _attribute("result", piece.path), piece.path[-1].type
            if kind is Scalar.STRING:
                value = f"{self._values.imports.need('urllib.parse', 'quote')}({value}, safe='')"
            elif isinstance(kind, EnumRef):
                value = f"{value}.value"
            parts.append(Code(value))
        return f_string(parts)

    def _text(self, output: Output) -> str:
        """A header's value is text, whatever its JSON type."""
        value, kind = _attribute("result", output.path), output.path[-1].type
        written = str(self._values.write(output.conversion, value))
        scalar = kind.wraps if isinstance(kind, WellKnown) and kind.wraps else kind
        if scalar is Scalar.BOOL:
            return f'"true" if {value} else "false"'
        is_text = not isinstance(scalar, Scalar) or scalar in (Scalar.STRING, Scalar.BYTES)
        return written if is_text or written.startswith("str(") else f"str({written})"

    def mapping(self, mapping: MessageMapping, index: int) -> list[str]:
        """The encode function of a pair."""
        cls = self._values.type(mapping.message.package, mapping.message.python_name)
        head = function(0, self._functions[index], f"value: {cls}, /", "dict[str, object]")
        always = [source for source in mapping.sources if always_written(source.field)]
        later = [source for source in mapping.sources if not always_written(source.field)]
        entries = [(f"{literal(source.name)}: ", self._value(source)) for source in always]
        if not later:
            return [*head, *_mapping("return ", entries)]
        lines = [*head, *_mapping("document: dict[str, object] = ", entries)]
        done: set[str] = set()
        for source in later:
            oneof = source.field.oneof
            if oneof is None:
                lines.append(f"    if value.{source.field.python_name} is not None:")
                lines += render(8, f"document[{literal(source.name)}] = ", self._value(source))
            elif oneof not in done:
                done.add(oneof)
                lines += self._oneof(mapping, oneof)
        return [*lines, "    return document"]

    def _value(self, source: Source) -> Expression:
        return self._values.write(source.conversion, f"value.{source.field.python_name}")

    def _oneof(self, mapping: MessageMapping, oneof: str) -> list[str]:
        lines = [f"    match value.{field_name(oneof)}:"]
        for source in mapping.sources:
            if source.field.oneof == oneof:
                lines.append(f"        case {self._values.member(mapping.message, source.field)}():")
                own = ".value" if has_member_class(mapping.message, source.field) else ""
                written = self._values.write(source.conversion, f"value.{field_name(oneof)}{own}")
                lines += render(12, f"document[{literal(source.name)}] = ", written)
        return lines


def _bytes(header: Header) -> tuple[str, str] | None:
    """Return a header as two expressions of bytes. None if a value other than an integer is filled in."""
    pieces = (header.source,) if isinstance(header.source, Output) else header.source
    text, values = "", []
    for piece in pieces:
        if isinstance(piece, str):
            text += piece.replace("%", "%%")
        elif _integer(piece):
            etag = isinstance(piece.conversion, One) and piece.conversion.etag
            text += '"%d"' if etag else "%d"
            values.append(_attribute("result", piece.path))
        else:
            return None
    if not (header.name + text).isascii() or not (header.name + text).isprintable():
        return None
    filled = ", ".join(values) if len(values) == 1 else f"({', '.join(values)})"
    return bytes_literal(header.name), f"{bytes_literal(text)} % {filled}"


def _integer(output: Output) -> bool:
    kind = output.path[-1].type
    scalar = kind.wraps if isinstance(kind, WellKnown) and kind.wraps else kind
    return isinstance(scalar, Scalar) and scalar.python == "int"


def _mapping(head: str, entries: Sequence[tuple[str, Expression]]) -> list[str]:
    if not entries:
        return [f"    {head}{{}}"]
    lines = [f"    {head}{{"]
    for name, value in entries:
        lines += render(8, name, value, ",")
    return [*lines, "    }"]


def _attribute(root: str, path: Sequence[Field]) -> str:
    return ".".join([root, *(field.python_name for field in path)])


def _path(header: Header) -> tuple[Field, ...]:
    return header.source.path if isinstance(header.source, Output) else ()


def _may_be_absent(header: Header, selector: tuple[Field, ...] | None) -> bool:
    path = _path(header)
    return bool(path) and path[-1].nullable and path != selector
