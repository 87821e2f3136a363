"""The rule of names: clients generate code from them, and guess those that they have not seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aether_tools.check.contracts.contract_source import SECTIONS, Contract
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding, Location

_CAMEL: Final = re.compile(r"[a-z][A-Za-z0-9]*")
_PASCAL: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_HEADER: Final = re.compile(r"[A-Z][A-Za-z0-9]*(-[A-Z0-9][A-Za-z0-9]*)*")
_SEGMENT: Final = re.compile(r"\.?[a-z0-9]+([.-][a-z0-9]+)*")


def _name(at: Location, what: str, name: str, style: str) -> Finding:
    return Finding(
        at, "quality-name", f"{what} {name!r} is not in {style}.", "Rename it, as others of its kind are."
    )


def check_names(contract: Contract) -> Iterator[Finding]:
    """Yield a finding for each name that is not written as others of its kind."""
    yield from _rest_names(contract)
    yield from _proto_names(contract)


def _rest_names(contract: Contract) -> Iterator[Finding]:
    paths = contract.document.root.get("paths")
    for path, _ in () if paths is None else paths.items():
        if len(path) > 1 and path.endswith("/"):
            yield _name(paths.key(path), "Path", path, "kebab-case without a slash at its end")  # type: ignore[union-attr]
        for segment in path.strip("/").split("/"):
            if segment and "{" not in segment and not _SEGMENT.fullmatch(segment):
                yield _name(paths.key(path), "Path segment", segment, "kebab-case")  # type: ignore[union-attr]
    for operation in contract.operations:
        if not _CAMEL.fullmatch(operation.spec.operation_id):
            at = (operation.spec.node.get("operationId") or operation.spec.node).location
            yield _name(at, "operationId", operation.spec.operation_id, "camelCase")
    yield from _parameter_names(contract)
    for node in contract.parts():
        headers = node.get("headers")
        for name, _ in node.entries("headers") if node.pointer != "#/components" else ():
            if headers is not None and not _HEADER.fullmatch(name):
                yield _name(headers.key(name), "Header", name, "Train-Case")
        properties = node.get("properties")
        for name, _ in node.entries("properties") if node.text("type") == "object" else ():
            if properties is not None and not _CAMEL.fullmatch(name):
                yield _name(properties.key(name), "Property", name, "camelCase")
    for section in SECTIONS:
        for name, node in contract.components(section):
            if not _PASCAL.fullmatch(name):
                yield _name(contract.place(node), f"Component {section}/", name, "PascalCase")


def _parameter_names(contract: Contract) -> Iterator[Finding]:
    seen: set[Node] = set()
    for operation in contract.operations:
        for parameter in operation.spec.parameters:
            style = _HEADER if parameter.location == "header" else _CAMEL
            if parameter.node in seen or style.fullmatch(parameter.name):
                continue
            seen.add(parameter.node)
            at = parameter.node.get("name") or parameter.node
            yield _name(
                at.location, "Parameter", parameter.name, "Train-Case" if style is _HEADER else "camelCase"
            )


def _proto_names(contract: Contract) -> Iterator[Finding]:
    package = contract.package
    if package.service is not None and not package.service.name.endswith("Service"):
        yield Finding(
            package.service.location,
            "quality-name",
            f"Service {package.service.name!r} does not end in Service.",
            "Rename it: <Domain>Service.",
        )
    for message in package.messages:
        name = message.full_name.rpartition(".")[2]
        if not _PASCAL.fullmatch(name):
            yield _name(message.location, "Message", name, "PascalCase")
        for field in message.fields:
            if not _SNAKE.fullmatch(field.name):
                yield _name(field.location, "Field", field.name, "lower_snake_case")
    for enum in package.enums:
        name = enum.full_name.rpartition(".")[2]
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"
        wrong = [member.name for member in enum.members if not member.name.startswith(prefix)]
        if not _PASCAL.fullmatch(name):
            yield _name(enum.location, "Enum", name, "PascalCase")
        elif wrong:
            yield Finding(
                enum.location,
                "quality-name",
                f"{', '.join(wrong)} of {name} do not begin with {prefix}, although members share one scope in proto.",
                "Rename them, or give the enum their prefix as name.",
            )
