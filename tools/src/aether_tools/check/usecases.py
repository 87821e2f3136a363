"""Checks that each operation of a contract has exactly one use case, with the contract's types, and that it is wired.

It reads syntax trees. mypy also checks the types, but takes ten seconds and does not report a missing use case.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aether_tools.check.source import Module, NameResolver
from aether_tools.finding import Finding, Location
from aether_tools.workspace import Domain, Workspace


@dataclass(frozen=True, slots=True)
class Operation:
    """One Protocol of an inbound port.

    `request` and `response` are resolved, dotted type names; `request_as` and `response_as` are as written in the port.
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
                    ast.unparse(request) if request is not None else "",
                    ast.unparse(call.returns),
                    _declaration(workspace, port, protocol, classes[protocol]),
                )


def check_use_cases(
    workspace: Workspace, domain: Domain, port: Module, modules: Iterable[Module], names: NameResolver
) -> Iterator[Finding]:
    """Yield a finding for each use case that is missing, duplicate, of the wrong signature, or not wired."""
    own = list(modules)
    application = [module for module in own if module.name.startswith(f"{domain.package}.application.")]
    container = next((module for module in own if module.name == f"{domain.package}.container"), None)
    wired = _used(container, names) if container is not None else None
    implementing = _by_protocol(application, names)
    for operation in operations(workspace, port, names):
        candidates = implementing.get(operation.protocol, [])
        if not candidates:
            yield _missing(workspace, domain, operation)
        for extra in candidates[1:]:
            yield Finding(
                extra.location,
                "use-case-twice",
                f"{operation.name} already has a use case, {candidates[0].name} in {candidates[0].module.file}.",
                "Keep one of the two.",
            )
        for use_case in candidates[:1]:
            yield from _check_signature(operation, use_case, names)
            if wired is not None and f"{use_case.module.name}.{use_case.name}" not in wired:
                yield Finding(
                    use_case.location,
                    "use-case-unwired",
                    f"{use_case.name} implements {operation.name}, but container.py does not use it.",
                    f"Add a provider for it to container.py, and pass that to the port as {operation.field}=.",
                )


def _missing(workspace: Workspace, domain: Domain, operation: Operation) -> Finding:
    file = workspace.relative(domain.source / "application" / f"{operation.field}.py")
    return Finding(
        operation.location,
        "use-case-missing",
        f"No use case implements {operation.name}.",
        f"Write {file}: a frozen dataclass `{operation.name}(port.{operation.name})` with "
        f"`def __call__(self, request: {operation.request_as}, /) -> {operation.response_as}`; wire it in container.py.",
    )


def _check_signature(operation: Operation, use_case: UseCase, names: NameResolver) -> Iterator[Finding]:
    right = f"def __call__(self, request: {operation.request_as}, /) -> {operation.response_as}"
    call = _call(use_case.node)
    if call is None:
        yield Finding(
            use_case.location,
            "use-case-signature",
            f"{use_case.name} has no __call__ of its own.",
            f"Write `{right}`; it must be synchronous, because the edges call it in threads.",
        )
        return
    location = Location(use_case.module.file, call.lineno, call.col_offset + 1)
    fix = f"Write `{right}`."
    parameters = [*call.args.posonlyargs, *call.args.args][1:]
    required = len(parameters) - len(call.args.defaults)
    if not parameters or required > 1 or any(each is None for each in call.args.kw_defaults):
        yield Finding(
            location, "use-case-signature", f"{use_case.name} does not take exactly one request.", fix
        )
        return
    taken = names.qualified(use_case.module, parameters[0].annotation)
    if taken != operation.request:
        reason = f"{use_case.name} takes {_annotation_text(taken)}, but the contract's request is {operation.request}."
        yield Finding(location, "use-case-signature", reason, fix)
    returned = names.qualified(use_case.module, call.returns)
    if returned != operation.response:
        reason = f"{use_case.name} returns {_annotation_text(returned)}, but the contract's response is {operation.response}."
        yield Finding(location, "use-case-signature", reason, fix)


def _annotation_text(annotation: str) -> str:
    return annotation or "an unannotated value"


def _by_protocol(modules: Iterable[Module], names: NameResolver) -> dict[str, list[UseCase]]:
    found: dict[str, list[UseCase]] = {}
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                for base in node.bases:
                    name = names.resolve(module, base)
                    if name is not None:
                        found.setdefault(name, []).append(UseCase(node.name, module, node))
    return found


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
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            declared = re.match(rf"\s*rpc\s+({re.escape(method)})\b", line)
            if declared:
                return Location(workspace.relative(file), number, declared.start(1) + 1)
    return Location(port.file, node.lineno, node.col_offset + 1)
