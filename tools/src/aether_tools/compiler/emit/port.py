"""Writes port.py and threads.py: the seam between what is generated and what people write."""

from __future__ import annotations

from aether_tools.compiler.emit import layout
from aether_tools.compiler.emit.scope import Lines, Scope, header
from aether_tools.compiler.model.contracts import Contracts, MessageRef, Method, Package, Service, WellKnown


def write_port(contracts: Contracts, package: Package, service: Service) -> bytes:
    """One Protocol for each operation, one dataclass that holds one of each, and their async twins."""
    scope = Scope(contracts, package, defines=False)
    blocks = [
        *(_operation(scope, method) for method in service.methods),
        _holder(scope, service),
        *(_async_operation(scope, method) for method in service.methods),
        _async_holder(scope, service),
    ]
    return layout.module(
        header(package),
        f"The inbound port of {package.name}: what its use cases promise, whoever calls them.",
        scope.imports,
        blocks,
    )


def write_threads(contracts: Contracts, package: Package, service: Service) -> bytes:
    """The wrapper that runs synchronous use cases in threads for an asyncio edge."""
    scope = Scope(contracts, package, defines=False)
    need = scope.imports.need
    port, twin = need(".port", service.name), need(".port", f"Async{service.name}")
    calls = [
        (f"{method.python_name}=", layout.simple("offload.wrap", f"service.{method.python_name}"))
        for method in service.methods
    ]
    block = [
        *layout.function(
            0, "in_threads", f"service: {port}, offload: {need('aether_adapters.rest', 'Offload')}, /", twin
        ),
        *layout.docstring(
            4, "The same operations for an asyncio edge, each in a thread of `offload`'s pool."
        ),
        *layout.render(4, "return ", layout.call(twin, *calls)),
    ]
    return layout.module(
        header(package),
        f"{package.name} in threads: synchronous use cases behind an asyncio edge.",
        scope.imports,
        [block],
    )


def parameter(scope: Scope, kind: MessageRef | WellKnown) -> str:
    """The class of a request or response."""
    return scope.name(scope.find(kind)) if isinstance(kind, MessageRef) else scope.empty()


def _operation(scope: Scope, method: Method) -> Lines:
    return _protocol(scope, method.name, method, parameter(scope, method.response))


def _async_operation(scope: Scope, method: Method) -> Lines:
    result = f"{scope.imports.need('collections.abc', 'Awaitable')}[{parameter(scope, method.response)}]"
    return _protocol(scope, f"Async{method.name}", method, result)


def _protocol(scope: Scope, name: str, method: Method, result: str) -> Lines:
    words = method.comment or f"The operation {method.name}."
    if method.deprecated:
        words += "\n\nDeprecated: the contract asks its callers to move on."
    return [
        f"class {name}({scope.imports.need('typing', 'Protocol')}):",
        *layout.docstring(4, words),
        "",
        "    __slots__ = ()",
        "",
        f"    @{scope.imports.need('abc', 'abstractmethod')}",
        *layout.function(
            4, "__call__", f"self, request: {parameter(scope, method.request)}, /", result, ": ..."
        ),
    ]


def _holder(scope: Scope, service: Service) -> Lines:
    words = service.comment or f"The operations of {service.name}."
    return _dataclass(scope, service, f"{words}\n\nThe inbound port: one of each operation.", prefix="")


def _async_holder(scope: Scope, service: Service) -> Lines:
    return _dataclass(
        scope, service, f"The operations of `{service.name}` for callers on an event loop.", prefix="Async"
    )


def _dataclass(scope: Scope, service: Service, words: str, prefix: str) -> Lines:
    fields = [
        line
        for method in service.methods
        for line in layout.union(4, f"{method.python_name}: ", [f"{prefix}{method.name}"])
    ]
    return [
        f"@{scope.imports.need('dataclasses', 'dataclass')}(frozen=True, slots=True, kw_only=True)",
        f"class {prefix}{service.name}:",
        *layout.docstring(4, words),
        *([""] if fields else []),
        *fields,
    ]
