"""Checks that an operation declares each error that its use case raises: itself, through its domain, or through a port.

A port says in its docstring what its methods raise. What the code reaches in another way is not seen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aether_adapters.kernel.errors import Kind

from aether_tools.check.source import Module, NameResolver, dotted
from aether_tools.finding import Finding, Location

_RAISES: Final = re.compile(r"\braises?\b(.*?)(?:\n\s*\n|\Z)", re.IGNORECASE | re.DOTALL)
_QUOTED: Final = re.compile(r"`(\w+)`")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Promise:
    """What an operation declares, or must declare whatever its use case does: statuses, and where they stand."""

    domain: str
    method: str
    name: str
    """Verb and path."""
    statuses: frozenset[int]
    location: Location


def check_errors(
    package: str, modules: Iterable[Module], names: NameResolver, promises: Iterable[Promise]
) -> Iterator[Finding]:
    """Yield a finding for each operation of a domain with errors that it does not declare."""
    domain = _Domain(package, modules, names)
    statuses = domain.statuses()
    use_cases = domain.use_cases()
    for promise in promises:
        use_case = use_cases.get(promise.method)
        if use_case is None or not statuses:
            continue
        missing: dict[int, list[str]] = {}
        for error in sorted(domain.raised(use_case)):
            status = domain.status_of(error, statuses)
            if status is not None and status not in promise.statuses:
                missing.setdefault(status, []).append(error.rpartition(".")[2])
        if missing:
            listed = "; ".join(
                f"{status} for {', '.join(errors)}" for status, errors in sorted(missing.items())
            )
            yield Finding(
                promise.location,
                "contract-error",
                f"{promise.name} does not declare what its use case raises: {listed}.",
                "Add each status, with a $ref to a response of common.yaml.",
            )


def _is_known(arguments: list[ast.expr]) -> bool:
    """Return whether a call asks for something by a field of what was loaded, such as `order.buyer`: it exists."""
    root = arguments[0] if arguments else None
    if not isinstance(root, ast.Attribute):
        return False
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id not in ("request", "self")


class _Domain:
    """The classes and functions of a domain's core, by full name."""

    def __init__(self, package: str, modules: Iterable[Module], names: NameResolver) -> None:
        self._package = package
        self._modules = {module.name: module for module in modules}
        self._names = names
        self._classes: dict[str, tuple[Module, ast.ClassDef]] = {}
        self._functions: dict[str, tuple[Module, Function]] = {}
        self._values: dict[str, tuple[Module, ast.expr]] = {}
        for module in self._modules.values():
            if not module.name.startswith((f"{package}.domain.", f"{package}.application.")):
                continue
            for node in module.tree.body:
                match node:
                    case ast.ClassDef():
                        self._classes[f"{module.name}.{node.name}"] = (module, node)
                        for inner in node.body:
                            if isinstance(inner, Function):
                                self._functions[f"{module.name}.{node.name}.{inner.name}"] = (module, inner)
                    case ast.FunctionDef() | ast.AsyncFunctionDef():
                        self._functions[f"{module.name}.{node.name}"] = (module, node)
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=value)
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                    ):
                        self._values[f"{module.name}.{name}"] = (module, value)
        self._errors = {name for name in self._classes if name.startswith(f"{package}.domain.errors.")}

    def use_cases(self) -> dict[str, str]:
        """Return the class of each method that has a use case, by the method's name."""
        found = {}
        for name, (module, node) in self._classes.items():
            for base in node.bases:
                owner, _, operation = (self._names.resolve(module, base) or "").rpartition(".")
                if owner.endswith(".port"):
                    found[operation] = name
        return found

    def statuses(self) -> dict[str, int]:
        """Return the status of each class in the error table of container.py."""
        module = self._modules.get(f"{self._package}.container")
        if module is None:
            return {}
        found = {}
        for node in module.nodes:
            match node:
                case ast.Call(args=[_, ast.Dict(keys=keys, values=values), *_]) if (
                    self._names.resolve(module, node.func) or ""
                ).endswith(".ErrorTable"):
                    for key, value in zip(keys, values, strict=True):
                        error = None if key is None else self._names.resolve(module, key)
                        kind = (dotted(value) or "").rpartition(".")[2]
                        if error is not None and kind in Kind.__members__:
                            found[error] = Kind[kind].status
        return found

    def status_of(self, error: str, statuses: Mapping[str, int]) -> int | None:
        """Return the status of the nearest class in the table. None if there is none."""
        waiting = [error]
        for name in waiting:
            if name in statuses:
                return statuses[name]
            module, node = self._classes.get(name, (None, None))
            if module is not None and node is not None:
                waiting += [base for each in node.bases if (base := self._names.resolve(module, each))]
        return None

    def raised(self, use_case: str) -> set[str]:
        """Return the errors that a use case's call may raise, without those that are caught on the way."""
        raised: set[str] = set()
        caught: set[str] = set()
        waiting = [f"{use_case}.__call__"]
        seen = set(waiting)
        for name in waiting:
            module, node = self._functions.get(name) or self._values.get(name) or (None, None)
            if module is None or node is None:
                continue
            for reached in self._reached(module, node, name.rpartition(".")[0], caught):
                if reached in self._errors:
                    raised.add(reached)
                elif reached not in seen:
                    seen.add(reached)
                    waiting.append(reached)
        return {error for error in raised if not self._is_caught(error, caught)}

    def _is_caught(self, error: str, caught: set[str]) -> bool:
        waiting = [error]
        for name in waiting:
            if name in caught:
                return True
            module, node = self._classes.get(name, (None, None))
            if module is not None and node is not None:
                waiting += [base for each in node.bases if (base := self._names.resolve(module, each))]
        return False

    def _reached(self, module: Module, node: ast.AST, owner: str, caught: set[str]) -> Iterator[str]:
        """Yield the functions, values and errors that a function or a value names."""
        handled = set()
        for each in ast.walk(node):
            if isinstance(each, ast.ExceptHandler) and each.type is not None:
                types = each.type.elts if isinstance(each.type, ast.Tuple) else [each.type]
                caught |= {name for kind in types if (name := self._names.resolve(module, kind))}
                handled |= {id(inner) for kind in types for inner in ast.walk(kind)}
        for each in ast.walk(node):
            if id(each) in handled:
                continue
            match each:
                case ast.Name() | ast.Attribute():
                    name = self._names.resolve(module, each)
                    if name is not None and f"{module.name}.{name}" in self._values:
                        name = f"{module.name}.{name}"  # a constant of the module
                    if name in self._functions or name in self._values or name in self._errors:
                        yield str(name)
                    elif name in self._classes:
                        yield from (f"{name}.{inner}" for inner in ("__init__", "__post_init__"))
            match each:
                case ast.Call(func=ast.Attribute(value=receiver, attr=method), args=arguments):
                    yield from self._called(module, receiver, method, owner, known=_is_known(arguments))

    def _called(
        self, module: Module, receiver: ast.expr, method: str, owner: str, *, known: bool
    ) -> Iterator[str]:
        """Yield what a call of a method reaches: of the own class, of a port, or of a class that the module imports."""
        match receiver:
            case ast.Name(id="self" | "cls"):
                yield f"{owner}.{method}"
            case ast.Attribute(attr=field) if (port := self._port(field)) is not None:
                yield from () if known else self._documented(f"{port}.{method}")
            case _:
                for name in set(module.names.values()):
                    if name in self._classes and ".domain." in name:
                        yield f"{name}.{method}"

    def _port(self, field: str) -> str | None:
        """Return the class in ports.py that a field of this name is annotated with. None if it is not clear."""
        ports = f"{self._package}.application.ports"
        found = set()
        for module, node in self._classes.values():
            for statement in node.body:
                match statement:
                    case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if name == field:
                        found.add(self._names.resolve(module, annotation))
        only = found.pop() if len(found) == 1 else None
        return only if only is not None and only.startswith(f"{ports}.") else None

    def _documented(self, function: str) -> Iterator[str]:
        """Yield the errors that the docstring of a port's method says it raises.

        Leave out a method that stores an aggregate: what it raises is a race, which a caller may repeat.
        """
        module, node = self._functions.get(function, (None, None))
        if module is None or node is None:
            return
        parameters = [*node.args.posonlyargs, *node.args.args][1:]
        if any(self._is_stored(module, parameter.annotation) for parameter in parameters):
            return
        for clause in _RAISES.findall(ast.get_docstring(node) or ""):
            for name in _QUOTED.findall(clause):
                error = f"{self._package}.domain.errors.{name}"
                if error in self._errors:
                    yield error

    def _is_stored(self, module: Module, annotation: ast.expr | None) -> bool:
        """Return whether a parameter is an aggregate: a class of the domain with a version."""
        name = None if annotation is None else self._names.resolve(module, annotation)
        _, node = self._classes.get(name or "", (None, None))
        return node is not None and any(
            isinstance(each, ast.AnnAssign)
            and isinstance(each.target, ast.Name)
            and each.target.id == "version"
            for each in node.body
        )
