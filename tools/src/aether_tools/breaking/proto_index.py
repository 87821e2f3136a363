"""Where each element of compiled proto files is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)


@dataclass(frozen=True, slots=True)
class Element:
    """A message, field, oneof, enum, enum value, service or rpc. `name` is its full name, such as acme.v1.Order.id."""

    kind: str
    name: str
    number: int
    path: str
    line: int
    column: int


class Index:
    """The elements of compiled files, by the names that buf's messages use."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self.packages = {file.name: file.package for file in files.file}
        self._elements: dict[str, list[Element]] = {}
        for file in files.file:
            for element in _elements(file):
                self._elements.setdefault(element.kind, []).append(element)

    def find(
        self, kind: str, name: str, *, number: str = "", path: str = "", package: str = ""
    ) -> Element | None:
        """Return the element of a kind whose full name ends with `name`, in one file or package; None if unknown.

        `path` may begin with folders above the module that the file belongs to.
        """
        named = [
            element
            for element in self._elements.get(kind, ())
            if (element.name == name or element.name.endswith(f".{name}"))
            and (not number or element.number == int(number))
            and (not package or self.packages[element.path] == package)
        ]
        exact = (element for element in named if not path or element.path == path)
        inside = (element for element in named if path.endswith(f"/{element.path}"))
        return next(exact, None) or next(inside, None)

    def of_file(self, path: str, kinds: Iterable[str]) -> Iterator[Element]:
        """Yield the elements of some kinds in a file."""
        for kind in kinds:
            yield from (element for element in self._elements.get(kind, ()) if element.path == path)


def _elements(file: FileDescriptorProto) -> Iterator[Element]:
    spans = {tuple(each.path): each.span for each in file.source_code_info.location}

    def element(kind: str, name: str, place: tuple[int, ...], number: int = 0) -> Element:
        span = spans.get((*place, 1)) or spans.get(place) or (0, 0)
        return Element(kind, name, number, file.name, span[0] + 1, span[1] + 1)

    def of_enum(enum: EnumDescriptorProto, above: str, place: tuple[int, ...]) -> Iterator[Element]:
        name = f"{above}.{enum.name}"
        yield element("enum", name, place)
        for index, value in enumerate(enum.value):
            yield element("enum value", f"{name}.{value.name}", (*place, 2, index), value.number)

    def of_message(message: DescriptorProto, above: str, place: tuple[int, ...]) -> Iterator[Element]:
        name = f"{above}.{message.name}"
        yield element("message", name, place)
        for index, field in enumerate(message.field):
            yield element("field", f"{name}.{field.name}", (*place, 2, index), field.number)
        for index, oneof in enumerate(message.oneof_decl):
            yield element("oneof", f"{name}.{oneof.name}", (*place, 8, index))
        for index, nested in enumerate(message.nested_type):
            yield from of_message(nested, name, (*place, 3, index))
        for index, enum in enumerate(message.enum_type):
            yield from of_enum(enum, name, (*place, 4, index))

    for index, message in enumerate(file.message_type):
        yield from of_message(message, file.package, (4, index))
    for index, enum in enumerate(file.enum_type):
        yield from of_enum(enum, file.package, (5, index))
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield element("service", name, (6, index))
        for number, method in enumerate(service.method):
            yield element("rpc", f"{name}.{method.name}", (6, index, 2, number))
