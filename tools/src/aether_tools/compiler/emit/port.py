"""Writes port.py and threads.py: the seam between what is generated and what people write."""

from __future__ import annotations

from aether_tools.compiler.emit import layout
from aether_tools.compiler.emit.literals import docstring, literal
from aether_tools.compiler.emit.python_types import Lines, Scope, header
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
        f"Inbound port of {package.name}: one Protocol for each operation, and one dataclass that holds them.",
        scope.imports,
        blocks,
    )


def write_threads(contracts: Contracts, package: Package, service: Service) -> bytes:
    """The wrapper that runs synchronous use cases in threads for an asyncio edge."""
    scope = Scope(contracts, package, defines=False)
    need = scope.imports.need
    port, twin = need(".port", service.python_name), need(".port", f"Async{service.python_name}")
    calls = [
        (f"{method.python_name}=", layout.simple("offload.wrap", f"service.{method.python_name}"))
        for method in service.methods
    ]
    block = [
        *layout.function(
            0, "in_threads", f"service: {port}, offload: {need('aether_adapters.rest', 'Offload')}, /", twin
        ),
        *docstring(4, "The same operations for an asyncio edge, each in a thread of `offload`'s pool."),
        *layout.render(4, "return ", layout.call(twin, *calls)),
    ]
    return layout.module(
        header(package),
        f"Runs the use cases of {package.name} in threads, behind an asyncio edge.",
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
    warning = "Deprecated: the contract asks its callers to move on." if method.deprecated else ""
    words = "\n\n".join(filter(None, (method.comment, warning)))
    body = [
        "    __slots__ = ()",
        "",
        f"    @{scope.imports.need('abc', 'abstractmethod')}",
        *layout.function(
            4, "__call__", f"self, request: {parameter(scope, method.request)}, /", result, ": ..."
        ),
    ]
    return layout.class_definition(f"{name}({scope.imports.need('typing', 'Protocol')})", words, body)


def _holder(scope: Scope, service: Service) -> Lines:
    words = "\n\n".join(filter(None, (service.comment, "The inbound port: one of each operation.")))
    audited = [literal(method.python_name) for method in service.methods if method.audit]
    lines: Lines = []
    if audited:
        # In upper case, so that no operation has this name.
        head = f"AUDITED: {scope.imports.need('typing', 'ClassVar')}[frozenset[str]] = "
        lines = [
            *layout.render(4, head, layout.simple("frozenset", layout.Items(audited))),
            *docstring(4, "Operations whose calls are recorded in the audit log."),
            "",
        ]
    return _dataclass(scope, service, words, prefix="", first=lines)


def _async_holder(scope: Scope, service: Service) -> Lines:
    return _dataclass(
        scope, service, f"The same as `{service.python_name}`, for callers on an event loop.", prefix="Async"
    )


def _dataclass(scope: Scope, service: Service, words: str, prefix: str, first: Lines | None = None) -> Lines:
    fields = [
        *(first or []),
        *(
            line
            for method in service.methods
            for line in layout.union(4, f"{method.python_name}: ", [f"{prefix}{method.name}"])
        ),
    ]
    return [
        f"@{scope.imports.need('dataclasses', 'dataclass')}(frozen=True, slots=True, kw_only=True)",
        *layout.class_definition(f"{prefix}{service.python_name}", words, fields),
    ]
