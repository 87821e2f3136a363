"""Checks that each operation of a contract has exactly one use case, with the contract's types, and that it is wired.

It reads syntax trees. mypy also checks the types, but takes ten seconds and does not report a missing use case.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from aether_tools.check.operations.requests import check_request, request_fields
from aether_tools.check.operations.skeletons import parameters, provider, short
from aether_tools.check.operations.skeletons import use_case as skeleton
from aether_tools.check.source import Module, NameResolver
from aether_tools.compiler.contract_text import MAX_PROTO_BYTES, read_contract
from aether_tools.finding import ContractError, Edit, Finding, Location
from aether_tools.workspace import Domain, Workspace


@dataclass(frozen=True, slots=True)
class Operation:
    """One Protocol of an inbound port.

    `request` and `response` are resolved, dotted type names; `request_as` and `response_as` are as a use case writes them.
    """

    field: str
    protocol: str
    request: str
    response: str
    request_as: str
    response_as: str
    location: Location

    @property
    def name(self) -> str:
        """Name of the operation, without the module."""
        return self.protocol.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class UseCase:
    """A class in application/ that has an operation's Protocol as a base."""

    name: str
    module: Module
    node: ast.ClassDef

    @property
    def location(self) -> Location:
        """Where the class is defined."""
        return Location(self.module.file, self.node.lineno, self.node.col_offset + 1)


def operations(workspace: Workspace, port: Module, names: NameResolver) -> Iterator[Operation]:
    """Yield the operations of a generated port: the fields of its first dataclass, one Protocol each."""
    classes = {node.name: node for node in port.tree.body if isinstance(node, ast.ClassDef)}
    holder = next((node for node in classes.values() if node.decorator_list), None)
    if holder is None:
        return
    for statement in holder.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=field), annotation=ast.Name(id=protocol)):
                call = _call(classes[protocol])
                if call is None or call.returns is None:
                    continue
                request = call.args.posonlyargs[1].annotation
                yield Operation(
                    field,
                    f"{port.name}.{protocol}",
                    names.qualified(port, request),
                    names.qualified(port, call.returns),
                    short(port.name.rpartition(".")[0], names.qualified(port, request)),
                    short(port.name.rpartition(".")[0], names.qualified(port, call.returns)),
                    _declaration(workspace, port, protocol, classes[protocol]),
                )


def check_use_cases(
    workspace: Workspace,
    domain: Domain,
    port: Module,
    types: Module,
    modules: Iterable[Module],
    names: NameResolver,
) -> Iterator[Finding]:
    """Yield a finding for each use case that is missing, duplicate, of the wrong signature, or not wired."""
    own = list(modules)
    application = [module for module in own if module.name.startswith(f"{domain.package}.application.")]
    container = next((module for module in own if module.name == f"{domain.package}.container"), None)
    wired = _used(container, names) if container is not None else None
    classes = _Classes(own, names)
    implementing = classes.by_protocol(application)
    every = list(operations(workspace, port, names))
    fields = {operation.field for operation in every}
    for operation in every:
        candidates = implementing.get(operation.protocol, [])
        if not candidates:
            missing = _missing(workspace, domain, operation, application)
            yield (
                missing
                if missing.location != operation.location
                else replace(
                    missing, edits=_skeleton(workspace, domain, port, operation, fields, container, names)
                )
            )
        for extra in candidates[1:]:
            yield Finding(
                extra.location,
                "use-case-twice",
                f"{operation.name} already has a use case, {candidates[0].name} in {candidates[0].module.file}.",
                "Keep one of the two.",
            )
        for use_case in candidates[:1]:
            yield from _check_signature(operation, use_case, names, classes)
            found = classes.method(use_case.module, use_case.node, "__call__")
            if found is not None and _is_unwritten(found[1]):
                yield Finding(
                    _place(*found),
                    "use-case-unwritten",
                    f"{use_case.name} only raises NotImplementedError.",
                    f"Write what {operation.name} does.",
                )
            elif found is not None and isinstance(found[1], ast.FunctionDef):
                asked = request_fields(types, operation.request.rpartition(".")[2])
                yield from check_request(use_case.node, found[0], found[1], asked, application)
            if (
                container is not None
                and wired is not None
                and f"{use_case.module.name}.{use_case.name}" not in wired
            ):
                needs = parameters(use_case.node)
                yield Finding(
                    use_case.location,
                    "use-case-unwired",
                    f"{use_case.name} implements {operation.name}, but container.py does not use it.",
                    f"Add a provider for it to container.py, and pass that to the port as {operation.field}=.",
                    edits=provider(
                        container,
                        names,
                        port,
                        fields,
                        operation.field,
                        use_case.module.name,
                        use_case.name,
                        needs,
                    ),
                )


def _missing(
    workspace: Workspace, domain: Domain, operation: Operation, application: Iterable[Module]
) -> Finding:
    path = domain.source / "application" / f"{operation.field}.py"
    file = workspace.relative(path)
    signature = f"def __call__(self, request: {operation.request_as}, /) -> {operation.response_as}"
    for module in application:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == operation.name:
                return Finding(
                    Location(module.file, node.lineno, node.col_offset + 1),
                    "use-case-missing",
                    f"No use case implements {operation.name}: this class does not have the operation's Protocol as a base.",
                    f"Write `class {operation.name}(port.{operation.name})`, with `{signature}`.",
                )
    write = f"Add to {file}" if path.exists() else f"Write {file}:"
    return Finding(
        operation.location,
        "use-case-missing",
        f"No use case implements {operation.name}.",
        f"{write} a frozen dataclass `{operation.name}(port.{operation.name})` with `{signature}`; "
        "wire it in container.py.",
    )


def _skeleton(
    workspace: Workspace,
    domain: Domain,
    port: Module,
    operation: Operation,
    fields: Collection[str],
    container: Module | None,
    names: NameResolver,
) -> tuple[Edit, ...]:
    """Return the edits that write a use case for the operation and wire it; empty if container.py is not a plain one."""
    module = f"{domain.package}.application.{operation.field}"
    wiring = (
        provider(container, names, port, fields, operation.field, module, operation.name, ())
        if container is not None
        else ()
    )
    file = workspace.relative(domain.source / "application" / f"{operation.field}.py")
    text = skeleton(port, operation.name, operation.request, operation.response)
    return (Edit(file, 0, text), *wiring) if wiring else ()


def _check_signature(
    operation: Operation, use_case: UseCase, names: NameResolver, classes: _Classes
) -> Iterator[Finding]:
    right = f"def __call__(self, request: {operation.request_as}, /) -> {operation.response_as}"
    found = classes.method(use_case.module, use_case.node, "__call__")
    if found is None or isinstance(found[1], ast.AsyncFunctionDef):
        place, lacks = use_case.location, "has no __call__"
        if found is not None:
            place, lacks = _place(*found), "has an asynchronous __call__"
        yield Finding(
            place,
            "use-case-signature",
            f"{use_case.name} {lacks}.",
            f"Write `{right}`; it must be synchronous, because the edges call it in threads.",
        )
        return
    module, call = found
    location = _place(module, call)
    fix = f"Write `{right}`."
    parameters = [*call.args.posonlyargs, *call.args.args][1:]
    required = len(parameters) - len(call.args.defaults)
    if not parameters or required > 1 or any(each is None for each in call.args.kw_defaults):
        yield Finding(
            location, "use-case-signature", f"{use_case.name} does not take exactly one request.", fix
        )
        return
    taken = names.qualified(module, parameters[0].annotation)
    if taken != operation.request:
        reason = f"{use_case.name} takes {_annotation_text(taken)}, but the contract's request is {operation.request}."
        yield Finding(location, "use-case-signature", reason, fix)
    returned = names.qualified(module, call.returns)
    if returned != operation.response:
        reason = f"{use_case.name} returns {_annotation_text(returned)}, but the contract's response is {operation.response}."
        yield Finding(location, "use-case-signature", reason, fix)


def _annotation_text(annotation: str) -> str:
    return annotation or "an unannotated value"


Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Classes:
    """The classes of a domain, with their bases."""

    def __init__(self, modules: Iterable[Module], names: NameResolver) -> None:
        self._names = names
        self._known = {
            f"{module.name}.{node.name}": (module, node)
            for module in modules
            for node in module.tree.body
            if isinstance(node, ast.ClassDef)
        }

    def by_protocol(self, modules: Iterable[Module]) -> dict[str, list[UseCase]]:
        """Return the classes of `modules` by each base that the domain does not define, without bases of others."""
        found: dict[str, dict[str, UseCase]] = {}
        bases: set[str] = set()
        for module in modules:
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef):
                    for name in self._ancestors(module, node):
                        if name in self._known:
                            bases.add(name)
                        else:
                            full = f"{module.name}.{node.name}"
                            found.setdefault(name, {})[full] = UseCase(node.name, module, node)
        return {
            name: [case for full, case in cases.items() if full not in bases] for name, cases in found.items()
        }

    def method(self, module: Module, node: ast.ClassDef, name: str) -> tuple[Module, Function] | None:
        """Return a method of the class or of the nearest base that the domain defines."""
        own = [
            (module, node),
            *(self._known[each] for each in self._ancestors(module, node) if each in self._known),
        ]
        for at, each in own:
            for statement in each.body:
                if isinstance(statement, Function) and statement.name == name:
                    return at, statement
        return None

    def _ancestors(self, module: Module, node: ast.ClassDef) -> list[str]:
        """Return the full names of the bases and of their bases, the nearest first."""
        found: list[str] = []
        waiting = [(module, node)]
        while waiting:
            at, each = waiting.pop(0)
            for base in each.bases:
                name = self._names.resolve(at, base)
                if name is not None and name not in found:
                    found.append(name)
                    if name in self._known:
                        waiting.append(self._known[name])
        return found


def _is_unwritten(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function does nothing but raise `NotImplementedError`, or has only dots or a docstring."""
    for statement in function.body:
        match statement:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                continue
            case ast.Raise(
                exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))
            ):
                return True
        return False
    return True


def _place(module: Module, node: ast.stmt) -> Location:
    return Location(module.file, node.lineno, node.col_offset + 1)


def _used(container: Module, names: NameResolver) -> set[str | None]:
    return {
        names.resolve(container, node)
        for node in ast.walk(container.tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }


def _call(node: ast.ClassDef) -> ast.FunctionDef | None:
    return next(
        (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__call__"), None
    )


def _declaration(workspace: Workspace, port: Module, method: str, node: ast.ClassDef) -> Location:
    """Return where the proto file declares `method`, or else where the generated port defines its Protocol."""
    folder = workspace.root / "proto" / "/".join(port.name.split(".")[:-1])
    for file in sorted(folder.glob("*.proto")):
        try:
            text = read_contract(file, workspace.root, MAX_PROTO_BYTES)
        except ContractError:
            continue  # the compiler reports it
        for number, line in enumerate(text.split("\n"), 1):
            declared = re.match(rf"\s*rpc\s+({re.escape(method)})\b", line)
            if declared:
                return Location(workspace.relative(file), number, declared.start(1) + 1)
    return Location(port.file, node.lineno, node.col_offset + 1)
