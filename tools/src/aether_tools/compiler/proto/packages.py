"""Groups a workspace's proto files into packages and checks each file's syntax level, package and imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from aether_adapters.contract import options_pb2
from google.protobuf import descriptor_pb2 as pb
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from aether_tools.compiler.contract_files import unfit_import
from aether_tools.compiler.model.contracts import Contracts, EnumType, Package, Service
from aether_tools.compiler.model.contracts import Message as MessageType
from aether_tools.compiler.proto.descriptors import FileReader
from aether_tools.compiler.proto.source_info import Source
from aether_tools.finding import Finding

_UNREADABLE: Final = ("proto-syntax-level", "proto-package", "proto-encoding")
"""Codes of findings after which a file is not read any further."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    messages: tuple[MessageType, ...]
    enums: tuple[EnumType, ...]
    services: tuple[Service, ...]


def read_packages(
    workspace: str, files: Iterable[pb.FileDescriptorProto], own: frozenset[str], findings: list[Finding]
) -> Contracts:
    """Return the contracts in `files` whose names are in `own`, the workspace's files. Append to `findings`."""
    packages: dict[str, list[_File]] = {}
    for file in sorted(files, key=lambda file: file.name):
        if file.name in own:
            of_file = list(_file_findings(workspace, file))
            findings += of_file
            if not any(finding.code in _UNREADABLE for finding in of_file):
                reader = FileReader(file, findings)
                read = _File(file.name, reader.messages(), reader.enums(), reader.services())
                packages.setdefault(file.package, []).append(read)
    built = tuple(_package(name, parts, findings) for name, parts in packages.items())
    return Contracts(
        workspace=workspace,
        packages=built,
        messages={message.full_name: message for package in built for message in package.messages},
        enums={enum.full_name: enum for package in built for enum in package.enums},
    )


def _package(name: str, parts: list[_File], findings: list[Finding]) -> Package:
    services = [service for part in parts for service in part.services]
    findings += (
        Finding(
            extra.location,
            "proto-two-services",
            f"Package {name} has a second service, {extra.name}; a domain has exactly one.",
            f"Move its methods into {services[0].name}, or into another domain.",
        )
        for extra in services[1:]
    )
    _, domain, version = name.split(".")
    return Package(
        name=name,
        domain=domain,
        version=version,
        files=tuple(part.name for part in parts),
        messages=tuple(message for part in parts for message in part.messages),
        enums=tuple(enum for part in parts for enum in part.enums),
        service=services[0] if services else None,
    )


def _file_findings(workspace: str, file: pb.FileDescriptorProto) -> Iterator[Finding]:
    source = Source(file)
    if file.syntax != "proto3":
        yield Finding(
            source.location(12),
            "proto-syntax-level",
            f"The file uses {'an edition' if file.syntax == 'editions' else 'proto2'}; a contract must use proto3.",
            'Start the file with syntax = "proto3"; and mark fields that may be absent as optional.',
        )
        return
    for place in _not_text(file, ()):
        yield Finding(
            source.location(*place),
            "proto-encoding",
            "A text here has bytes that are not UTF-8.",
            "Write the text itself, without \\x escapes above \\x7f.",
        )
    expected = ".".join(file.name.split("/")[:3])
    if file.package != expected:
        yield Finding(
            source.location(2),
            "proto-package",
            f"Package {file.package or '(none)'} does not match the file's path.",
            f"Write package {expected}; or move the file.",
        )
    for i, name in enumerate(file.dependency):
        if not _may_import(workspace, file, name):
            yield Finding(
                source.location(3, i),
                "proto-import",
                f"This contract cannot import {name}, only its own domain's files except events.proto, and shared ones.",
                unfit_import(name)
                or f"Move the types that both need to proto/{workspace}/common/v1/ and import that file.",
            )
    common = file.package == f"{workspace}.common.v1"
    if file.service and (common or source.events):
        yield Finding(
            source.location(6, 0),
            "proto-service-place",
            f"{'The shared package' if common else 'events.proto'} cannot hold a service.",
            "Move the service to the <domain>.proto of the domain that serves it.",
        )


def _not_text(message: Message, above: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the place of each string that is not UTF-8: protobuf gives it as bytes, where generated code needs text."""
    for field, value in message.ListFields():
        if field.name == "source_code_info":
            continue
        repeated = not isinstance(value, Message | str | bytes | int | float)
        for index, item in enumerate(value) if repeated else ((None, value),):
            place = (*above, field.number) if index is None else (*above, field.number, index)
            if isinstance(item, Message):
                yield from _not_text(item, place)
            elif field.type == FieldDescriptor.TYPE_STRING and isinstance(item, bytes):
                yield place


def _may_import(workspace: str, file: pb.FileDescriptorProto, name: str) -> bool:
    folder = file.name.rpartition("/")[0]
    allowed = (f"{folder}/", f"{workspace}/common/v1/", "google/protobuf/", options_pb2.DESCRIPTOR.name)
    return name.startswith(allowed) and name != f"{folder}/events.proto"
