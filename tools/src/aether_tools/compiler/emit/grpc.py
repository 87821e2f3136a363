"""Writes grpc.py: what the gRPC kit needs to know of a contract to serve it and to call it."""

from __future__ import annotations

from aether_tools.compiler.emit import layout
from aether_tools.compiler.emit.codec import wire_names
from aether_tools.compiler.emit.literals import docstring, literal
from aether_tools.compiler.emit.python_types import Lines, Scope, header
from aether_tools.compiler.model.contracts import Contracts, MessageRef, Method, Package, Service
from aether_tools.compiler.model.derived import is_caller

_KIT = "aether_adapters.grpc"


def write_grpc(contracts: Contracts, package: Package, service: Service) -> bytes:
    """A `Method` for each operation, the service's side and both clients."""
    scope = Scope(contracts, package, defines=False)
    constants = [method.python_name.upper() for method in service.methods]
    blocks = [
        *(_method(scope, service, method) for method in service.methods),
        _tuple(f"METHODS: {scope.imports.need('typing', 'Final')} = ", constants),
        _service(scope, service),
        _client(scope, service, "client", "Channel", service.python_name),
        _client(scope, service, "async_client", "AsyncChannel", f"Async{service.python_name}"),
    ]
    return layout.module(
        header(package), f"Service and clients of {package.name} over gRPC.", scope.imports, blocks
    )


def _method(scope: Scope, service: Service, method: Method) -> Lines:
    need = scope.imports.need
    return [
        f"{method.python_name.upper()}: {need('typing', 'Final')} = {need(_KIT, 'Method')}(",
        f"    path={literal(f'/{service.full_name}/{method.name}')},",
        f"    access={need('aether_adapters.kernel.identity', 'Access')}.{method.access.value},",
        f"    idempotent={method.idempotent},",
        *_codec(scope, "request", *wire_names(scope.contracts, method.request)),
        *_codec(scope, "response", *wire_names(scope.contracts, method.response)),
        f"    caller={_caller(scope, method)},",
        *_set("scopes=", method.scopes),
        *_set("services=", method.services),
        *_rest(method),
        *_criticality(scope, method),
        *([f"    audit={literal(method.python_name)},"] if method.audit else []),
        ")",
    ]


def _codec(scope: Scope, name: str, to_wire: str, from_wire: str) -> Lines:
    need = scope.imports.need
    codec = need(".", "codec")
    values = [("to_wire=", f"{codec}.{to_wire}"), ("from_wire=", f"{codec}.{from_wire}")]
    return layout.render(4, f"{name}=", layout.call(need(_KIT, "Codec"), *values), ",")


def _caller(scope: Scope, method: Method) -> str:
    if not isinstance(method.request, MessageRef):
        return "None"
    fields = scope.contracts.messages[method.request.full_name].fields
    caller = next((field.type for field in fields if is_caller(scope.contracts, field.type)), None)
    return "None" if caller is None else scope.single(caller)


def _criticality(scope: Scope, method: Method) -> Lines:
    if method.criticality == "CRITICAL":
        return []
    level = scope.imports.need("aether_adapters.kernel.criticality", "Criticality")
    return [f"    criticality={level}.{method.criticality},"]


def _set(head: str, names: tuple[str, ...]) -> Lines:
    if not names:
        return []
    items = layout.Items([literal(name) for name in names])
    return layout.render(4, head, layout.call("frozenset", ("", items)), ",")


def _sequence(head: str, names: tuple[str, ...]) -> Lines:
    if not names:
        return []
    items = [("", literal(name)) for name in names]
    return layout.render(4, head, layout.Group("(", items, ")", lone=True), ",")


def _rest(method: Method) -> Lines:
    side = method.rest
    if side is None:
        return []
    return [
        *_sequence("operations=", side.operations),
        *_sequence("client_addresses=", side.client_addresses),
    ]


def _tuple(head: str, names: list[str]) -> Lines:
    line = f"{head}({', '.join(names)}{',' if len(names) == 1 else ''})"
    return [line] if len(line) <= layout.WIDTH else [f"{head}(", *(f"    {name}," for name in names), ")"]


def _service(scope: Scope, service: Service) -> Lines:
    need = scope.imports.need
    methods = [
        line
        for method in service.methods
        for line in layout.render(
            12,
            "",
            layout.simple(need(_KIT, "Bound"), method.python_name.upper(), f"port.{method.python_name}"),
            ",",
        )
    ]
    return [
        *layout.function(
            0, "service", f"port: {need('.port', service.python_name)}, /", need(_KIT, "Service")
        ),
        *docstring(4, "The service a server offers, answered by `port`."),
        "    return Service(",
        f"        name={literal(service.full_name)},",
        *(["        methods=(", *methods, "        ),"] if methods else ["        methods=(),"]),
        "    )",
    ]


def _client(scope: Scope, service: Service, name: str, channel: str, port: str) -> Lines:
    need = scope.imports.need
    binds = [
        (f"{method.python_name}=", layout.simple("channel.bind", method.python_name.upper()))
        for method in service.methods
    ]
    waits = "for callers on an event loop" if channel == "AsyncChannel" else "for callers that may wait"
    return [
        *layout.function(0, name, f"channel: {need(_KIT, channel)}, /", need(".port", port)),
        *docstring(4, f"The same operations, answered by the service behind `channel`; {waits}."),
        *layout.render(4, "return ", layout.call(port, *binds)),
    ]
