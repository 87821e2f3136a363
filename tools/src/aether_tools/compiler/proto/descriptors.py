"""Converts one file's protobuf descriptors to the model and reports unsupported constructs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from aether_adapters.contract import options_pb2
from google.protobuf import descriptor_pb2 as pb

from aether_tools.compiler.model import naming
from aether_tools.compiler.model.contracts import (
    EnumMember,
    EnumRef,
    EnumType,
    Field,
    FieldType,
    Message,
    MessageRef,
    Method,
    MethodAccess,
    Scalar,
    Service,
    WellKnown,
)
from aether_tools.compiler.proto.source_info import Source
from aether_tools.finding import Finding, Location

_F = pb.FieldDescriptorProto
_SCALARS: Final = {getattr(_F, f"TYPE_{scalar.name}"): scalar for scalar in Scalar}
_WELL_KNOWN: Final = {kind.value: kind for kind in WellKnown}
_ACCESS: Final = {
    "ACCESS_UNSPECIFIED": MethodAccess.CALLER,
    "ACCESS_PUBLIC": MethodAccess.PUBLIC,
    "ACCESS_SERVICE": MethodAccess.SERVICE,
}


class FileReader:
    """Reads one file. Appends to `findings` a finding for each unsupported construct."""

    def __init__(self, file: pb.FileDescriptorProto, findings: list[Finding]) -> None:
        self._file = file
        self._findings = findings
        self._package = file.package
        self._source = Source(file)

    def messages(self) -> tuple[Message, ...]:
        """Return all messages. Nested messages follow the one that declares them."""
        return tuple(self._messages(self._file.message_type, (4,), ""))

    def enums(self) -> tuple[EnumType, ...]:
        """Return all enums, nested ones last."""
        top = self._enum_list(self._file.enum_type, (5,), "")
        return (*top, *self._nested_enums(self._file.message_type, (4,), ""))

    def services(self) -> tuple[Service, ...]:
        """Return all services."""
        return tuple(self._service(service, (6, i)) for i, service in enumerate(self._file.service))

    def _report(self, location: Location, code: str, reason: str, fix: str) -> None:
        self._findings.append(Finding(location, code, reason, fix))

    def _messages(
        self, messages: Iterable[pb.DescriptorProto], at: tuple[int, ...], outer: str
    ) -> Iterator[Message]:
        for i, message in enumerate(messages):
            if message.options.map_entry:
                continue
            path = f"{outer}{message.name}"
            yield Message(
                full_name=f"{self._package}.{path}",
                python_name=naming.class_name(path),
                package=self._package,
                fields=tuple(self._fields(message, (*at, i))),
                comment=self._source.comment(*at, i),
                location=self._source.location(*at, i),
                event=self._source.events,
            )
            yield from self._messages(message.nested_type, (*at, i, 3), f"{path}.")

    def _fields(self, message: pb.DescriptorProto, at: tuple[int, ...]) -> Iterator[Field]:
        entries = {entry.name: entry for entry in message.nested_type if entry.options.map_entry}
        for i, field in enumerate(message.field):
            location = self._source.location(*at, 2, i, 6)
            entry = entries.get(field.type_name.rpartition(".")[2]) if field.type == _F.TYPE_MESSAGE else None
            value = next(item for item in entry.field if item.number == 2) if entry else field
            kind = self._type(value, location)
            if kind is None:
                continue
            in_oneof = field.HasField("oneof_index") and not field.proto3_optional
            yield Field(
                name=field.name,
                json_name=field.json_name,
                python_name=naming.field_name(field.name),
                number=field.number,
                type=kind,
                location=self._source.location(*at, 2, i, 1),
                repeated=field.label == _F.LABEL_REPEATED and entry is None,
                map_key=_SCALARS[entry.field[0].type] if entry else None,
                optional=field.proto3_optional,
                oneof=message.oneof_decl[field.oneof_index].name if in_oneof else None,
                comment=self._source.comment(*at, 2, i),
                deprecated=field.options.deprecated,
                secret=field.options.debug_redact,
            )

    def _type(self, field: pb.FieldDescriptorProto, location: Location) -> FieldType | None:
        name = field.type_name.removeprefix(".")
        if field.type in _SCALARS:
            return _SCALARS[field.type]
        if name in _WELL_KNOWN:
            return _WELL_KNOWN[name]
        if name == "google.protobuf.Any":
            self._report(
                location,
                "proto-any",
                "google.protobuf.Any does not declare its content, so no code can be generated for it.",
                "Declare the content: a oneof of messages, or google.protobuf.Struct for free-form JSON.",
            )
            return None
        if name.startswith("google.protobuf."):
            self._report(
                location,
                "proto-unsupported-type",
                f"{name} is not a supported field type.",
                f"Use one of {', '.join(sorted(kind.value for kind in WellKnown))}, or a message of your own.",
            )
            return None
        return EnumRef(name) if field.type == _F.TYPE_ENUM else MessageRef(name)

    def _nested_enums(
        self, messages: Iterable[pb.DescriptorProto], at: tuple[int, ...], outer: str
    ) -> Iterator[EnumType]:
        for i, message in enumerate(messages):
            path = f"{outer}{message.name}."
            yield from self._enum_list(message.enum_type, (*at, i, 4), path)
            yield from self._nested_enums(message.nested_type, (*at, i, 3), path)

    def _enum_list(
        self, enums: Iterable[pb.EnumDescriptorProto], at: tuple[int, ...], outer: str
    ) -> Iterator[EnumType]:
        for i, enum in enumerate(enums):
            yield EnumType(
                full_name=f"{self._package}.{outer}{enum.name}",
                python_name=naming.class_name(f"{outer}{enum.name}"),
                package=self._package,
                members=tuple(
                    EnumMember(
                        name=value.name,
                        python_name=naming.member_name(enum.name, value.name),
                        number=value.number,
                        comment=self._source.comment(*at, i, 2, j),
                    )
                    for j, value in enumerate(enum.value)
                    if value.number != 0 or not value.name.endswith("_UNSPECIFIED")
                ),
                comment=self._source.comment(*at, i),
                location=self._source.location(*at, i),
                event=self._source.events,
            )

    def _service(self, service: pb.ServiceDescriptorProto, at: tuple[int, ...]) -> Service:
        return Service(
            full_name=f"{self._package}.{service.name}",
            name=service.name,
            methods=tuple(self._method(method, (*at, 2, i)) for i, method in enumerate(service.method)),
            comment=self._source.comment(*at),
            location=self._source.location(*at),
        )

    def _method(self, method: pb.MethodDescriptorProto, at: tuple[int, ...]) -> Method:
        location = self._source.location(*at, 1)
        if method.client_streaming or method.server_streaming:
            self._report(
                location,
                "proto-streaming",
                f"{method.name} streams, and streaming methods are not supported.",
                "Make it unary: return a list in pages, or publish an event and let the caller read the result.",
            )
        return Method(
            name=method.name,
            python_name=naming.method_name(method.name),
            request=self._message(method.input_type, location),
            response=self._message(method.output_type, location),
            access=_access(method.options),
            services=_services(method.options),
            idempotent=method.options.idempotency_level != pb.MethodOptions.IDEMPOTENCY_UNKNOWN,
            comment=self._source.comment(*at),
            location=location,
            deprecated=method.options.deprecated,
            declared_criticality=_criticality(method.options),
            no_side_effects=method.options.idempotency_level == pb.MethodOptions.NO_SIDE_EFFECTS,
            audit=bool(method.options.Extensions[options_pb2.audit]),  # type: ignore[index] # no stub types it
        )

    def _message(self, type_name: str, location: Location) -> MessageRef | WellKnown:
        name = type_name.removeprefix(".")
        if name != WellKnown.EMPTY.value and name.startswith("google.protobuf."):
            self._report(
                location,
                "proto-unsupported-type",
                f"{name} cannot be a request or response.",
                "Declare a message for the method, with a field of this type.",
            )
        return WellKnown.EMPTY if name.startswith("google.protobuf.") else MessageRef(name)


def _access(options: pb.MethodOptions) -> MethodAccess:
    """Return the access that a method's option declares. CALLER if the option is absent."""
    access: options_pb2.Access = options.Extensions[options_pb2.access]  # type: ignore[index] # no stub types it
    return _ACCESS[options_pb2.Access.Name(access)]


def _criticality(options: pb.MethodOptions) -> str:
    """Return the criticality that a method's option declares, such as `SHEDDABLE_PLUS`; empty if the option is absent."""
    level: options_pb2.Criticality = options.Extensions[options_pb2.criticality]  # type: ignore[index] # no stub types it
    return options_pb2.Criticality.Name(level).removeprefix("CRITICALITY_") if level else ""


def _services(options: pb.MethodOptions) -> tuple[str, ...]:
    """Return the services that a method's option names, sorted, as they are written."""
    services: list[str] = options.Extensions[options_pb2.services]  # type: ignore[index] # no stub types it
    return tuple(sorted(services))
