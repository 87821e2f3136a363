"""Checks what parts of a contract say about each other: Location, ETag, shared responses, directions and prefixes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from aether_tools.check.contracts.contract_source import BoundOperation, Contract
from aether_tools.finding import Finding, Location


def check_references(contract: Contract) -> Iterator[Finding]:
    """Yield a finding for each part that does not fit another."""
    server = next((server.text("url") or "" for server in contract.document.root.listed("servers")), "")
    readers = {_shape(each.spec.path): each for each in contract.operations if each.spec.verb == "get"}
    readable = {_shape(server.rstrip("/")) + path for path in readers}
    untold: dict[Location, Finding] = {}
    for operation in contract.operations:
        yield from _location(contract, operation, readable)
        for finding in _version(contract, operation, readers):
            untold.setdefault(
                finding.location, finding
            )  # one GET may tell the version for several operations
    yield from untold.values()
    yield from _directions(contract)
    yield from _mixed_up(contract)
    yield from _prefixes(contract)


def _location(contract: Contract, operation: BoundOperation, readable: set[str]) -> Iterator[Finding]:
    """Check that Location names something that can be read."""
    for response in operation.spec.responses:
        for name, use in response.headers:
            header = contract.document.resolve(use)
            source = None if header is None else header.get("x-from")
            text = "" if source is None else str(source.scalar)
            if source is None or name.lower() != "location" or not text.startswith("/"):
                continue
            if _shape(text) not in readable:
                yield Finding(
                    source.location,
                    "contract-location",
                    f"No GET operation is at {text}.",
                    "Write the path of one, with the server's prefix.",
                )


def _shape(path: str) -> str:
    """Return a path with its parameters unnamed, without a query, and in lower case, which is the rule of names' matter."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0]).lower()


def _version(
    contract: Contract, operation: BoundOperation, readers: Mapping[str, BoundOperation]
) -> Iterator[Finding]:
    """Check that a caller who must send a version is told it."""
    versioned = [
        parameter
        for parameter in operation.spec.parameters
        if (shape := contract.schemas.shape(parameter.schema)) is not None and shape.format == "etag"
    ]
    if not versioned:
        return
    steps = _shape(operation.spec.path).split("/")
    above = ("/".join(steps[:length]) for length in range(len(steps), 0, -1))
    nearest = next((readers[path] for path in above if path in readers), None)
    for teller in dict.fromkeys(each for each in (nearest, operation) if each is not None):
        for response in teller.spec.responses:
            if response.media is not None and not any(name.lower() == "etag" for name, _ in response.headers):
                responses = teller.spec.node.get("responses")
                yield Finding(
                    teller.spec.node.location if responses is None else responses.key(str(response.status)),
                    "contract-version",
                    f"{operation.name} takes a version, and this response of {teller.name} does not tell it.",
                    "Add the header ETag, with x-from and format: etag.",
                )


def _mixed_up(contract: Contract) -> Iterator[Finding]:
    """Check that a shared response stands for one status."""
    uses: dict[str, list[tuple[str, Location]]] = {}
    for operation in contract.operations:
        responses = operation.spec.node.get("responses")
        for status, response in () if responses is None else responses.items():
            reference = response.text("$ref")
            if reference is not None:
                uses.setdefault(reference, []).append((status, responses.key(status)))  # type: ignore[union-attr]
    of_status: dict[str, set[str]] = {}
    for reference, places in uses.items():
        for status, _ in places:
            of_status.setdefault(status, set()).add(reference)
    for reference, places in uses.items():
        counted = Counter(status for status, _ in places)
        most = max(counted.values())
        common = [status for status, count in counted.items() if count == most]
        if len(common) > 1:  # the status that has no other response anywhere
            common = [status for status in common if len(of_status[status]) == 1]
        if len(counted) == 1 or len(common) != 1:
            continue
        for status, location in places:
            if status != common[0]:
                yield Finding(
                    location,
                    "contract-status",
                    f"{status} has the response {reference.rpartition('/')[2]}, which stands for {common[0]} elsewhere.",
                    f"Refer to a response for {status}.",
                )


def _prefixes(contract: Contract) -> Iterator[Finding]:
    """Check that no path repeats the prefix that its server has."""
    paths = contract.document.root.get("paths")
    for server in contract.document.root.listed("servers"):
        prefix = (server.text("url") or "").rstrip("/")
        for path, _ in () if paths is None or not prefix.startswith("/") else paths.items():
            if f"{path}/".startswith(f"{prefix}/"):
                yield Finding(
                    paths.key(path),  # type: ignore[union-attr]
                    "contract-path",
                    f"{path} would be served at {prefix}{path}: the server's url has the prefix already.",
                    f"Write {path.removeprefix(prefix) or '/'}.",
                )


def _directions(contract: Contract) -> Iterator[Finding]:
    """Check that no property is for the other direction only: nobody could ever see it."""
    requests = {node for node, _ in contract.request_schemas()}
    responses = contract.response_schemas()
    for nodes, others, keyword, what in (
        (requests, responses, "readOnly", "request"),
        (responses, requests, "writeOnly", "response"),
    ):
        for node in nodes - others:
            if node.flag(keyword):
                yield Finding(
                    node.key(keyword),
                    "contract-keyword",
                    f"Only a {what} uses this schema, and `{keyword}` takes it out of every one.",
                    f"Remove {keyword}, or the property and its field.",
                )
