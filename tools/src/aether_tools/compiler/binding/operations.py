"""Binds each operation of an OpenAPI document to a method of its domain's service."""

from __future__ import annotations

from aether_tools.compiler.binding.agreement import Agreement
from aether_tools.compiler.binding.bindings import Binding, Operation
from aether_tools.compiler.binding.criticality import criticality
from aether_tools.compiler.binding.request import RequestBinder
from aether_tools.compiler.binding.response import ResponseBinder
from aether_tools.compiler.binding.scopes import check_scopes
from aether_tools.compiler.model.contracts import (
    Contracts,
    EnumType,
    Message,
    MessageRef,
    Method,
    MethodAccess,
    Package,
    Service,
    WellKnown,
)
from aether_tools.compiler.model.naming import RESERVED_EDGE_NAMES, snake
from aether_tools.compiler.openapi.constructs import check_constructs
from aether_tools.compiler.openapi.document import Document, Findings, Node
from aether_tools.compiler.openapi.operations import Operations, OperationSpec, has_operations
from aether_tools.compiler.openapi.schema import Schemas
from aether_tools.compiler.openapi.security import check_schemes, scopes
from aether_tools.finding import Location


def bind(contracts: Contracts, package: Package, document: Document, findings: Findings) -> Binding:
    """Bind all operations of a document. Raises `ContractError` with all findings if there are any."""
    check_constructs(document, findings)
    check_schemes(document, findings)
    specs = Operations(document, findings).read()
    if not str(document.root.text("openapi")).startswith("3.0."):
        findings.refuse()  # its schemas cannot be compared with fields
    service = package.service
    if service is None:
        findings.add(
            Location(document.root.location.file, 1, 1),
            "no-service",
            f"{package.name} has no service for these operations.",
            "Declare one in the proto file, or remove this file.",
        )
        findings.refuse()
        raise AssertionError("unreachable")
    schemas = Schemas(document, findings)
    agreement = Agreement(contracts, schemas, document, findings)
    operations: list[Operation] = []
    names: dict[str, OperationSpec] = {}
    for spec in specs:
        method = _method(spec, contracts, package, service, findings)
        if method is None:
            continue
        clash = names.setdefault(snake(spec.operation_id), spec)
        if clash is not spec:
            findings.add(
                spec.node.get("operationId") or spec.node,
                "duplicate-operation",
                f"{spec.operation_id!r} and {clash.operation_id!r} get the same name in Python.",
                "Rename one of them.",
            )
            continue
        operations.append(_operation(spec, method, contracts, agreement, schemas, document, findings))
    check_scopes(operations, {spec.operation_id: spec for spec in specs}, findings)
    _check_shared_names(contracts, findings)
    if not has_operations(document):
        findings.add(
            document.root.key("paths"),
            "no-operations",
            "The contract has no operation.",
            "Add one under paths, or remove the file.",
        )
    findings.refuse()
    return Binding(service, tuple(operations), tuple(agreement.mappings))


def _check_shared_names(contracts: Contracts, findings: Findings) -> None:
    """Check that no shared type has a name that REST edges import.

    The domain's own types avoid the collision as `types.<name>`; a module cannot import a second `types`.
    """
    for package in contracts.packages:
        if package.domain != "common":
            continue
        types: list[Message | EnumType] = [*package.messages, *package.enums]
        for known in types:
            if known.python_name in RESERVED_EDGE_NAMES:
                findings.add(
                    known.location,
                    "reserved-name",
                    f"{known.full_name} has a name that is reserved in REST edges.",
                    f"Rename it; the reserved names are {', '.join(sorted(RESERVED_EDGE_NAMES))}.",
                )


def _method(
    spec: OperationSpec, contracts: Contracts, package: Package, service: Service, findings: Findings
) -> Method | None:
    at: Node = spec.rpc or spec.node.get("operationId") or spec.node
    wanted = spec.operation_id[:1].upper() + spec.operation_id[1:]
    names = {method.name: method for method in service.methods}
    if spec.rpc is not None:
        owner, _, wanted = str(spec.rpc.scalar).rpartition("/")
        full = service.full_name
        if owner not in (full, full.removeprefix(f"{contracts.workspace}.")):
            wanted = ""
    method = names.get(wanted)
    short = f"{package.name.removeprefix(contracts.workspace + '.')}.{service.name}"
    if method is None:
        what = f"x-rpc {spec.rpc.scalar!r}" if spec.rpc is not None else f"operationId {spec.operation_id!r}"
        findings.add(
            at,
            "no-method",
            f"{what} names no method of {service.full_name}.",
            f"Write x-rpc: {short}/<one of {', '.join(sorted(names)) or '(no methods)'}>, or add the rpc.",
        )
        return None
    if method.access is MethodAccess.SERVICE:
        findings.add(
            at,
            "service-only",
            f"{method.name} ({method.location}) is for services only, so it cannot have a REST operation.",
            "Remove this operation, or add a caller field to the request.",
        )
        return None
    return method


def _operation(
    spec: OperationSpec,
    method: Method,
    contracts: Contracts,
    agreement: Agreement,
    schemas: Schemas,
    document: Document,
    findings: Findings,
) -> Operation:
    request = RequestBinder(spec, _message(method.request, contracts), agreement, schemas, document, findings)
    mapping = request.bind()
    response = (
        contracts.messages[method.response.full_name] if isinstance(method.response, MessageRef) else None
    )
    replies = ResponseBinder(spec, response, agreement, schemas, document, findings).bind()
    return Operation(
        spec.operation_id,
        snake(spec.operation_id),
        method,
        mapping,
        response or WellKnown.EMPTY,
        request.body,
        replies,
        scopes(spec, method, document, findings),
        request.raw_body,
        spec.doc or method.comment,
        spec.deprecated or method.deprecated,
        criticality(spec, method, findings),
    )


def _message(kind: object, contracts: Contracts) -> Message:
    """Return the request's message. google.protobuf.Empty becomes a message without fields."""
    if isinstance(kind, MessageRef):
        return contracts.messages[kind.full_name]
    return Message("google.protobuf.Empty", "Empty", "google.protobuf", (), "", Location(""))
