"""Rules of size: what a caller may send at once, and what one answer may hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aether_tools.check.contracts.contract_source import Contract
from aether_tools.check.contracts.limits import widths
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding

_BOUNDED_FORMATS: Final = frozenset(
    {"date-time", "date", "int64", "uint64", "etag", "uuid", "duration", "ipv4", "ipv6"}
)
LISTING: Final = ("List", "Search", "Find")
_MOST_CHARACTERS: Final = 1_000_000
_MOST_OF_A_PAGE: Final = 1_000


def check_bounds(contract: Contract) -> Iterator[Finding]:
    """Yield a finding for each text, list, object and page without a limit."""
    yield from _bounds(contract)
    yield from _bodies(contract)
    yield from _pages(contract)


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
    parts = _parts(contract)
    for node, operation in contract.request_schemas():
        shape = contract.schemas.shape(node)
        if shape is None or not node.get("properties") or node.location.file != contract.file:
            continue
        if not shape.closed and shape.entries is None and node not in parts:
            yield Finding(
                contract.place(node),
                "quality-open",
                f"An object in a request of {operation.name} accepts properties that nothing reads.",
                "Add additionalProperties: false, so that a misspelt property is refused.",
            )


def _parts(contract: Contract) -> set[Node | None]:
    """Return the schemas with an allOf or oneOf, and those in one: their whole must be closed, or cannot be."""
    found: set[Node | None] = set()
    for node in contract.parts():
        for part in (*node.listed("allOf"), *node.listed("oneOf")):
            found |= {node, contract.document.resolve(part)}
    return found


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
        if operation.spec.verb != "get" or not operation.method.name.startswith(LISTING):
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
