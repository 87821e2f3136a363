"""Rules of quality: what makes a contract readable, bounded and regular. Each can be switched off, with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aether_tools.check.contracts.contract_source import Contract
from aether_tools.check.contracts.limits import widths
from aether_tools.compiler.model.contracts import EnumRef, EnumType, FieldType, Message, MessageRef
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding, Location

_SECTIONS: Final = ("schemas", "parameters", "headers", "responses", "requestBodies")
_DESCRIBED: Final = ("schemas", "parameters", "headers", "requestBodies")
_BOUNDED_FORMATS: Final = frozenset(
    {"date-time", "date", "int64", "uint64", "etag", "uuid", "duration", "ipv4", "ipv6"}
)
_EMPTY_WORDS: Final = re.compile(
    r"\s*(?:(?:todo|fixme|tbd|xxx|lorem ipsum)\b.*|[.\-?]*)", re.IGNORECASE | re.DOTALL
)
_CAMEL: Final = re.compile(r"[a-z][A-Za-z0-9]*")
_PASCAL: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_HEADER: Final = re.compile(r"[A-Z][A-Za-z0-9]*(-[A-Z0-9][A-Za-z0-9]*)*")
_SEGMENT: Final = re.compile(r"\.?[a-z0-9]+([.-][a-z0-9]+)*")
_LISTING: Final = ("List", "Search", "Find")
_READING: Final = (
    *_LISTING,
    "Get",
    "Read",
    "Count",
    "Check",
    "Quote",
    "Query",
    "Preview",
    "Calculate",
    "Validate",
)
_MOST_CHARACTERS: Final = 1_000_000
_MOST_OF_A_PAGE: Final = 1_000
_MUTATIONS: Final = ("put", "patch", "delete")


def check_quality(contract: Contract) -> Iterator[Finding]:
    """Yield the findings of all rules of quality."""
    yield from _descriptions(contract)
    yield from _summaries(contract)
    yield from _bounds(contract)
    yield from _bodies(contract)
    yield from _pages(contract)
    yield from _tags(contract)
    yield from _unused(contract)
    yield from _effects(contract)
    yield from _names(contract)
    yield from _proto_names(contract)
    yield from _proto_comments(contract)


def _says(node: Node, *names: str) -> bool:
    return any(not _EMPTY_WORDS.fullmatch(node.text(name) or "") for name in names)


def _repeats(node: Node, name: str) -> bool:
    """Return whether a description says no more than the name."""
    words = re.sub(r"[^a-z0-9]", "", (node.text("description") or "").lower())
    return re.sub(r"^(?:the|an|a)(?=.)", "", words) in (
        name.lower(),
        re.sub(r"^(?:the|an|a)(?=.)", "", name.lower()),
    )


def _description(at: Location, what: str, fix: str) -> Finding:
    return Finding(at, "quality-description", f"{what} has no description.", fix)


def _descriptions(contract: Contract) -> Iterator[Finding]:
    root = contract.document.root
    info = root.get("info")
    if info is not None and not _says(info, "description"):
        yield _description(root.key("info"), "The API", "Say in info what the domain keeps, and for whom.")
    for name in ("title", "version"):
        if info is not None and not (info.text(name) or "").strip():
            yield _description(
                info.key(name), f"The API's {name}", "Write it: clients and documentation show it."
            )
    for tag in root.listed("tags"):
        if not _says(tag, "description"):
            yield _description(
                tag.location, f"Tag {tag.text('name')!r}", "Say what its operations have in common."
            )
    for operation in contract.operations:
        if not _says(operation.spec.node, "summary", "description"):
            at = operation.spec.node.key("operationId")
            yield _description(at, operation.name, "Write a summary: what the caller gets, in one sentence.")
        for parameter in operation.spec.parameters:
            if parameter.node is parameter.use and not _says(parameter.node, "description"):
                yield _description(
                    parameter.node.location,
                    f"Parameter {parameter.name}",
                    "Say what it means, and what its absence means.",
                )
        for response in operation.spec.responses:
            if not _says(response.node, "description"):
                yield _description(
                    response.node.key("description"),
                    f"Response {response.status} of {operation.name}",
                    "Say what it tells.",
                )
            for name, header in contract.own(response.headers):
                if "$ref" not in header and not _says(header, "description"):
                    yield _description(contract.place(header), f"Header {name}", "Say what it is for.")
    for section in _DESCRIBED:
        for name, node in contract.components(section):
            if "$ref" not in node and (not _says(node, "description") or _repeats(node, name)):
                what = f"{section.removesuffix('s').removesuffix('Bodie').capitalize()} {name}"
                yield _description(contract.place(node), what, "Say what it stands for, and in which unit.")


def _summaries(contract: Contract) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for operation in contract.operations:
        summary = operation.spec.node.text("summary")
        if summary is None or not _says(operation.spec.node, "summary"):
            continue
        other = seen.setdefault(" ".join(summary.lower().split()), operation.name)
        if other != operation.name:
            yield Finding(
                operation.spec.node.key("summary"),
                "quality-summary",
                f"{operation.name} has the same summary as {other}.",
                "Say what this one does.",
            )


def _bounds(contract: Contract) -> Iterator[Finding]:
    """Check that every text and list of a request has a greatest size."""
    for node, _ in contract.request_schemas():
        if node.location.file != contract.file:
            continue
        kind = node.text("type")
        if kind == "string" and not _bounded(node):
            yield Finding(
                contract.place(node),
                "quality-text",
                "This text of a request may have any length.",
                "Add maxLength: what the domain and its column accept.",
            )
        if kind == "array" and "maxItems" not in node:
            yield Finding(
                contract.place(node),
                "quality-list",
                "This list of a request may have any number of items.",
                "Add maxItems: what one call may ask for.",
            )
        entries = node.get("additionalProperties")
        if kind == "object" and entries is not None and entries.mapping and "maxProperties" not in node:
            yield Finding(
                contract.place(node),
                "quality-list",
                "This map of a request may have any number of entries.",
                "Add maxProperties: what one call may ask for.",
            )


def _bounded(node: Node) -> bool:
    longest = node.get("maxLength")
    if longest is not None:
        return isinstance(longest.scalar, int) and longest.scalar <= _MOST_CHARACTERS
    if "enum" in node or node.text("format") in _BOUNDED_FORMATS:
        return True
    pattern = node.text("pattern")
    return pattern is not None and widths(pattern)[1] is not None


def _bodies(contract: Contract) -> Iterator[Finding]:
    """Check that a body with a misspelt property is refused."""
    for node, operation in contract.request_schemas():
        shape = contract.schemas.shape(node)
        if shape is None or not node.get("properties") or node.location.file != contract.file:
            continue
        if not shape.closed and shape.entries is None and not _is_part(contract, node):
            yield Finding(
                contract.place(node),
                "quality-open",
                f"An object in a request of {operation.name} accepts properties that nothing reads.",
                "Add additionalProperties: false, so that a misspelt property is refused.",
            )


def _is_part(contract: Contract, node: Node) -> bool:
    """Return whether a schema is a part of an allOf or oneOf, whose whole must be closed or cannot be."""
    if "allOf" in node or "oneOf" in node:
        return True
    for each in contract.parts():
        for name in ("allOf", "oneOf"):
            if any(contract.document.resolve(part) is node for part in each.listed(name)):
                return True
    return False


def _pages(contract: Contract) -> Iterator[Finding]:
    for operation in contract.operations:
        names = {parameter.name: parameter for parameter in operation.spec.parameters}
        size = names.get("pageSize")
        if size is not None:
            schema = contract.document.resolve(size.schema)
            most = None if schema is None else schema.get("maximum")
            if schema is not None and most is None:
                yield Finding(
                    contract.place(schema),
                    "quality-page-size",
                    f"A page of {operation.name} may have any size.",
                    "Add maximum: how many items one answer may have.",
                )
            elif schema is not None and isinstance(most.scalar, int) and most.scalar > _MOST_OF_A_PAGE:  # type: ignore[union-attr]
                yield Finding(
                    schema.key("maximum"),
                    "quality-page-size",
                    f"A page of {operation.name} may have {most.scalar:,} items.",  # type: ignore[union-attr]
                    f"Write {_MOST_OF_A_PAGE:,} or less: callers read the next page.",
                )
        if operation.spec.verb != "get" or not operation.method.name.startswith(_LISTING):
            continue  # a list inside of one thing ends with it
        paged = any(name.replace("_", "").lower() == "pagetoken" for name in names)
        for response in operation.spec.responses:
            schema = None if response.media is None else response.media.get("schema")
            shape = None if schema is None else contract.schemas.shape(schema)
            if shape is None or (paged and "nextPageToken" in shape.properties):
                continue
            for name, node in shape.properties.items():
                inner = contract.schemas.shape(node)
                items = None if inner is None else inner.keywords.get("items")
                item = None if items is None else contract.schemas.shape(items)
                if (
                    inner is not None
                    and item is not None
                    and item.type == "object"
                    and "maxItems" not in inner.keywords
                ):
                    yield Finding(
                        contract.place(node),
                        "quality-paging",
                        f"{operation.name} answers with all {name} at once, however many there are.",
                        "Take pageSize and pageToken, and answer nextPageToken; or add maxItems, if there are never more.",
                    )


def _tags(contract: Contract) -> Iterator[Finding]:
    root = contract.document.root
    declared = {tag.text("name"): tag for tag in root.listed("tags")}
    used: set[str] = set()
    for operation in contract.operations:
        node = operation.spec.node
        tags = [tag for tag in node.listed("tags") if isinstance(tag.scalar, str)]
        if not tags:
            yield Finding(
                node.key("operationId"),
                "quality-tag",
                f"{operation.name} has no tag.",
                "Add tags: [<what it is about>].",
            )
        for index, tag in enumerate(tags):
            if tag.scalar in [other.scalar for other in tags[:index]]:
                yield Finding(
                    tag.location,
                    "quality-tag",
                    f"{operation.name} has the tag {tag.scalar!r} twice.",
                    "Remove one.",
                )
            if str(tag.scalar) in declared:
                used.add(str(tag.scalar))
            else:
                yield Finding(
                    tag.location,
                    "quality-tag",
                    f"Tag {tag.scalar!r} is not declared.",
                    f"Declare it under tags, with a description, or use one of: {', '.join(map(str, declared))}.",
                )
    for name, tag in declared.items():
        if name not in used:
            yield Finding(
                tag.location,
                "quality-tag",
                f"No operation has the tag {name!r}.",
                "Remove it, or give it to operations.",
            )


def _unused(contract: Contract) -> Iterator[Finding]:
    used = {node.text("$ref") for node in contract.parts()}
    for section in _SECTIONS:
        for name, node in contract.components(section):
            if node.pointer not in used:
                yield Finding(
                    contract.place(node),
                    "quality-unused",
                    f"Nothing in this contract refers to {section}/{name}.",
                    "Remove it.",
                )
    reached = set(_reached(contract))
    own: tuple[Message | EnumType, ...] = (*contract.package.messages, *contract.package.enums)
    for kind in own:
        if kind.full_name not in reached:
            yield Finding(
                kind.location,
                "quality-unused",
                f"No method and no event uses {kind.full_name}.",
                "Remove it.",
            )


def _reached(contract: Contract) -> Iterator[str]:
    """Yield the full names of the types that methods and events use, and of those inside which they are declared."""
    package = contract.package
    methods = package.service.methods if package.service else ()
    waiting: list[FieldType] = [kind for method in methods for kind in (method.request, method.response)]
    waiting += [MessageRef(message.full_name) for message in package.messages if message.event]
    seen: set[str] = set()
    while waiting:
        ref = waiting.pop()
        if not isinstance(ref, MessageRef | EnumRef) or ref.full_name in seen:
            continue
        seen.add(ref.full_name)
        yield ref.full_name
        yield ref.full_name.rpartition(".")[0]  # the message around a nested type
        message = contract.contracts.messages.get(ref.full_name)
        waiting += [] if message is None else [field.type for field in message.fields]


def _effects(contract: Contract) -> Iterator[Finding]:
    for operation in contract.operations:
        verb, method = operation.spec.verb, operation.method
        if verb in ("get", "head") and not method.no_side_effects:
            yield Finding(
                method.location,
                "quality-side-effects",
                f"{operation.name} reads, but {method.name} does not say that it has no side effects.",
                "Add option idempotency_level = NO_SIDE_EFFECTS, so that gRPC clients may repeat it; or use POST.",
            )
        reads = method.name.startswith(_READING)
        if (verb in _MUTATIONS or (verb == "post" and not reads)) and method.no_side_effects:
            yield Finding(
                method.location,
                "quality-side-effects",
                f"{operation.name} changes something, but {method.name} says that it has no side effects.",
                "Remove NO_SIDE_EFFECTS, or use GET.",
            )


def _name(at: Location, what: str, name: str, style: str) -> Finding:
    return Finding(
        at, "quality-name", f"{what} {name!r} is not in {style}.", "Rename it, as others of its kind are."
    )


def _names(contract: Contract) -> Iterator[Finding]:
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
    for section in _SECTIONS:
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


def _proto_comments(contract: Contract) -> Iterator[Finding]:
    service = contract.package.service
    fix = "Write a comment above it: generated code and gRPC clients show it."
    if service is None:
        return
    if not service.comment.strip():
        yield _description(service.location, f"Service {service.name}", fix)
    for method in service.methods:
        if not method.comment.strip():
            yield _description(method.location, f"Method {method.name}", fix)
    for message in contract.package.messages:
        own = message.full_name.rpartition(".")[0] == contract.package.name
        if message.event and own and not message.comment.strip():
            yield _description(message.location, f"Event {message.full_name.rpartition('.')[2]}", fix)
    for enum in contract.package.enums:
        if not enum.comment.strip():
            yield _description(enum.location, f"Enum {enum.full_name.rpartition('.')[2]}", fix)
