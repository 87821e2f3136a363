"""Rules of quality: what makes a contract readable, bounded and regular. Each can be switched off, with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from aether_tools.check.contracts.bounds import LISTING, check_bounds
from aether_tools.check.contracts.contract_source import SECTIONS, Contract
from aether_tools.check.contracts.names import check_names
from aether_tools.compiler.model.contracts import EnumRef, EnumType, FieldType, Message, MessageRef
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding, Location

_DESCRIBED: Final = ("schemas", "parameters", "headers", "requestBodies")
_EMPTY_WORDS: Final = re.compile(
    r"\s*(?:(?:todo|fixme|tbd|xxx|lorem ipsum)\b.*|[.\-?]*)", re.IGNORECASE | re.DOTALL
)
_READING: Final = (
    *LISTING,
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
_LONGEST_SUMMARY: Final = 120
_MUTATIONS: Final = ("put", "patch", "delete")


def check_quality(contract: Contract) -> Iterator[Finding]:
    """Yield the findings of all rules of quality."""
    yield from _descriptions(contract)
    yield from _summaries(contract)
    yield from check_bounds(contract)
    yield from _tags(contract)
    yield from _unused(contract)
    yield from _effects(contract)
    yield from check_names(contract)
    yield from _proto_comments(contract)


def _says(node: Node, *names: str) -> bool:
    return any(not _EMPTY_WORDS.fullmatch(node.text(name) or "") for name in names)


def _repeats(text: str | None, name: str) -> bool:
    """Return whether a description says no more than the name."""
    return _bare(text or "") == _bare(name)


def _bare(text: str) -> str:
    return re.sub(r"^(?:the|an|a)(?=.)", "", re.sub(r"[^a-z0-9]", "", text.lower()))


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
        if not _says(tag, "description") or _repeats(tag.text("description"), tag.text("name") or ""):
            yield _description(
                tag.location, f"Tag {tag.text('name')!r}", "Say what its operations have in common."
            )
    for operation in contract.operations:
        texts = [text for name in ("summary", "description") if (text := operation.spec.node.text(name))]
        silent = all(_repeats(text, operation.spec.operation_id) for text in texts)
        if silent or not _says(operation.spec.node, "summary", "description"):
            at = operation.spec.node.key("operationId")
            yield _description(at, operation.name, "Write a summary: what the caller gets, in one sentence.")
        for parameter in operation.spec.parameters:
            node = parameter.node
            silent = not _says(node, "description") or _repeats(node.text("description"), parameter.name)
            if node is parameter.use and silent:
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
            if "$ref" not in node and (
                not _says(node, "description") or _repeats(node.text("description"), name)
            ):
                what = f"{section.removesuffix('s').removesuffix('Bodie').capitalize()} {name}"
                yield _description(contract.place(node), what, "Say what it stands for, and in which unit.")


def _summaries(contract: Contract) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for operation in contract.operations:
        summary = operation.spec.node.text("summary")
        if summary is None or not _says(operation.spec.node, "summary"):
            continue
        if len(summary) > _LONGEST_SUMMARY:
            yield Finding(
                operation.spec.node.key("summary"),
                "quality-summary",
                f"The summary of {operation.name} has {len(summary)} characters; lists show {_LONGEST_SUMMARY}.",
                "Write one sentence, and the rest into description.",
            )
        other = seen.setdefault(" ".join(summary.lower().split()), operation.name)
        if other != operation.name:
            yield Finding(
                operation.spec.node.key("summary"),
                "quality-summary",
                f"{operation.name} has the same summary as {other}.",
                "Say what this one does.",
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
    for section in SECTIONS:
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


def _proto_comments(contract: Contract) -> Iterator[Finding]:
    service = contract.package.service
    fix = "Write a comment above it: generated code and gRPC clients show it."
    if service is None:
        return
    if _EMPTY_WORDS.fullmatch(service.comment):
        yield _description(service.location, f"Service {service.name}", fix)
    for method in service.methods:
        if _EMPTY_WORDS.fullmatch(method.comment):
            yield _description(method.location, f"Method {method.name}", fix)
    for message in contract.package.messages:
        own = message.full_name.rpartition(".")[0] == contract.package.name
        if message.event and own and _EMPTY_WORDS.fullmatch(message.comment):
            yield _description(message.location, f"Event {message.full_name.rpartition('.')[2]}", fix)
    for enum in contract.package.enums:
        if _EMPTY_WORDS.fullmatch(enum.comment):
            yield _description(enum.location, f"Enum {enum.full_name.rpartition('.')[2]}", fix)
