"""Checks that an operation promises what happens: its success, the errors of its edge, and what may be left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aether_adapters.kernel.errors import Kind

from aether_tools.check.contracts.contract_source import BoundOperation, Contract
from aether_tools.check.contracts.limits import has_values
from aether_tools.check.contracts.values import validator_of
from aether_tools.check.operations.errors import Promise
from aether_tools.compiler.binding.bindings import Direction, RequestMapping, Source
from aether_tools.compiler.model.contracts import Field, Scalar
from aether_tools.compiler.openapi.document import Node
from aether_tools.finding import Finding

_OF_EVERY: Final = {
    400: "a malformed request",
    429: "too many at once",
    500: "a fault of the service",
    503: "a backing service that is away",
    504: "a deadline that has passed",
}
_OF_A_TOKEN: Final = {401: "a token that is missing or not trusted", 403: "a caller who may not do this"}
_OF_A_PATH: Final = {404: "an unknown id in the path"}
_OF_A_BODY: Final = {413: "a body that is too large", 415: "a body of another media type"}
_OF_A_VERSION: Final = {412: "a version that is stale"}
_FIRST_ERROR: Final = 400
_ANSWERED: Final = frozenset({*(kind.status for kind in Kind), 408, 414, 431, 502})
"""Statuses of errors: those of the kinds, those that the server gives before it reads a request, and a proxy's."""
_OK: Final = 200
_CREATED: Final = 201
_ACCEPTED: Final = 202
_VERBS: Final = {
    "Get": ("get", "post"),
    "List": ("get", "post"),
    "Create": ("post", "put"),
    "Update": ("put", "patch", "post"),
    "Delete": ("delete", "post"),
}
_STRINGS: Final = frozenset({Scalar.STRING, Scalar.BYTES})
_AS_TEXT: Final = frozenset(
    {Scalar.INT64, Scalar.SINT64, Scalar.SFIXED64, Scalar.UINT64, Scalar.FIXED64}
)  # ProtoJSON writes them as strings


def check_promises(contract: Contract) -> Iterator[Finding]:
    """Yield the findings of all operations of a contract."""
    for operation in contract.operations:
        yield from _errors(contract, operation)
        yield from _success(operation)
        yield from _verb(operation)
        yield from _parameters(contract, operation)
    yield from _properties(contract)


def promises(contract: Contract) -> Iterator[Promise]:
    """Yield what each operation declares, to be compared with its use case."""
    for operation in contract.operations:
        responses = operation.spec.node.get("responses")
        statuses = () if responses is None else (status for status, _ in responses.items())
        yield Promise(
            contract.package.domain,
            operation.method.name,
            operation.name,
            frozenset(int(status) for status in statuses if status.isdecimal())
            | _due(contract, operation).keys(),
            operation.spec.node.key("responses"),
        )


def _due(contract: Contract, operation: BoundOperation) -> dict[int, str]:
    """Return the errors that follow from the contracts, with what causes each."""
    spec = operation.spec
    shapes = [(parameter, contract.schemas.shape(parameter.schema)) for parameter in spec.parameters]
    versioned = any(shape is not None and shape.format == "etag" for _, shape in shapes)
    due = dict(_OF_EVERY)
    due |= _OF_A_TOKEN if operation.secured else {}
    due |= _OF_A_PATH if any(parameter.location == "path" for parameter, _ in shapes) else {}
    due |= _OF_A_BODY if spec.body is not None else {}
    due |= _OF_A_VERSION if versioned else {}
    return due


def _errors(contract: Contract, operation: BoundOperation) -> Iterator[Finding]:
    """Check the errors that follow from the contracts, whatever the use case does."""
    spec = operation.spec
    responses = spec.node.get("responses")
    if responses is None:
        return
    due = _due(contract, operation)
    declared = {int(status) for status, _ in responses.items() if status.isdecimal()}
    missing = sorted(due.keys() - declared)
    if missing:
        reasons = ", ".join(f"{status} ({due[status]})" for status in missing)
        yield Finding(
            spec.node.key("responses"),
            "contract-status",
            f"{operation.name} does not declare {reasons}.",
            "Add each, with a $ref to a response of common.yaml.",
        )
    for status in sorted(status for status in declared if status >= _FIRST_ERROR and status not in _ANSWERED):
        yield Finding(
            responses.key(str(status)),
            "contract-status",
            f"Nothing answers {status}: an error has a kind, and no kind has this status.",
            f"Remove it, or write one of: {', '.join(str(kind.status) for kind in Kind)}.",
        )
    for needs, statuses in (("body", _OF_A_BODY), ("version", _OF_A_VERSION)):
        for status in sorted(statuses.keys() & declared - due.keys()):
            yield Finding(
                responses.key(str(status)),
                "contract-status",
                f"{operation.name} never answers {status}: it takes no {needs}.",
                "Remove the response.",
            )


def _verb(operation: BoundOperation) -> Iterator[Finding]:
    """Check that the verb does what the method's name says."""
    spec, name = operation.spec, operation.method.name
    word = next((word for word in _VERBS if name.startswith(word) and name[len(word) :][:1].isupper()), None)
    if word is None:
        return
    fits = spec.verb in _VERBS[word] and not (
        word == "Create" and spec.verb == "put" and "{" not in spec.path
    )
    if not fits:
        yield Finding(
            spec.node.key("operationId"),
            "contract-verb",
            f"{operation.name} calls {name}, which a client expects from {' or '.join(_VERBS[word]).upper()}.",
            "Use one of these verbs, or name another method with x-rpc.",
        )


def _success(operation: BoundOperation) -> Iterator[Finding]:
    spec = operation.spec
    responses = spec.node.get("responses")
    for response in spec.responses if responses is not None else ():
        status, at = response.status, responses.key(str(response.status))  # type: ignore[union-attr]
        located = any(name.lower() == "location" for name, _ in response.headers)
        if spec.verb in ("get", "head") and status in (_CREATED, _ACCEPTED):
            reason, fix = (
                f"{spec.verb.upper()} reads and creates nothing, but answers {status}.",
                "Write 200.",
            )
        elif spec.verb in ("patch", "delete") and status == _CREATED:
            reason, fix = f"{spec.verb.upper()} changes what exists, but answers 201.", "Write 200 or 204."
        elif status == _CREATED and operation.method.name.startswith("Create") and not located:
            reason, fix = (
                f"{operation.method.name} does not say where to read what it created.",
                "Add Location.",
            )
        elif status == _OK and located:
            reason, fix = "A response with Location creates something, but is 200.", "Write 201."
        elif spec.verb == "post" and status == _OK and operation.method.name.startswith("Create"):
            reason, fix = f"{operation.method.name} creates something, but answers 200.", "Write 201."
        else:
            continue
        yield Finding(at, "contract-success", reason, f"{fix} Source: RFC 9110, section 15.3.")


def _parameters(contract: Contract, operation: BoundOperation) -> Iterator[Finding]:
    """Check that a parameter is required on both sides or on none, and that its absence is a valid value."""
    fields = {(each.origin.value, each.name): each.field for each in _sources(operation.request)}
    for parameter in operation.spec.parameters:
        field = fields.get((parameter.location, parameter.name))
        if field is not None:
            yield from _sides(
                contract,
                f"Parameter {parameter.name}",
                parameter.schema,
                field,
                parameter.required,
                parameter.use,
            )


def _sources(mapping: RequestMapping) -> Iterator[Source]:
    """Yield the inputs of a request, also those that fill a field of a message in it."""
    for part in mapping.parts.values():
        if isinstance(part, Source):
            yield part
        else:
            yield from _sources(part)


def _properties(contract: Contract) -> Iterator[Finding]:
    by_location = {node.location: node for node in contract.document.root.walk() if node.mapping is not None}
    for mapping in contract.binding.all_mappings():
        node = by_location.get(mapping.location)
        shape = None if node is None else contract.schemas.shape(node)
        if mapping.direction is not Direction.REQUEST or shape is None:
            continue
        branches = {branch.property for branch in shape.branches}
        for source in mapping.sources:
            schema = shape.properties.get(source.name)
            if schema is not None and source.name not in branches:
                required = source.name in shape.required
                at = shape.required.get(source.name, schema)
                yield from _sides(contract, f"Property {source.name!r}", schema, source.field, required, at)


def _sides(
    contract: Contract, what: str, schema: Node, field: Field, required: bool, at: Node
) -> Iterator[Finding]:
    shape = contract.schemas.shape(schema)
    if shape is None or at.location.file != contract.file:
        return
    if required and field.optional:
        yield Finding(
            contract.place(at),
            "contract-required",
            f"{what} is required, but {field.name} ({field.location}) is `optional`: gRPC callers may leave it out.",
            "Make it optional here, or remove `optional` from the proto field.",
        )
    if shape.format == "etag" and not required and _absent(field) is not None:
        yield Finding(
            contract.place(at),
            "contract-required",
            f"{what} may be left out, and {field.name} ({field.location}) is then 0, which is no version.",
            "Make it required, or mark the proto field `optional`.",
        )
        return
    absent = None if required or "default" in shape.keywords else _absent(field)
    if absent is None or not has_values(contract, shape.node):
        return
    validator = validator_of(contract, shape.node.plain())
    if validator is not None and not validator.is_valid(absent):
        yield Finding(
            contract.place(schema),
            "contract-required",
            f"{what} may be left out, and {field.name} ({field.location}) is then {absent!r}, which the schema refuses.",
            "Make it required, give it a default, or mark the proto field `optional`.",
        )


def _absent(field: Field) -> object:
    """Return what a use case reads if a field without presence is left out. None for any other field."""
    if field.map_key is not None or field.nullable or field.oneof is not None:
        return None
    if field.repeated:
        return []
    if field.type in _STRINGS:
        return ""
    if field.type in _AS_TEXT:
        return "0"
    return 0 if isinstance(field.type, Scalar) and field.type is not Scalar.BOOL else None
