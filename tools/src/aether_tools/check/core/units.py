"""Checks units of work: what runs between the begin and the commit of one transaction.

A unit of work may be run again after a deadlock, and a rollback undoes only what the database did. So it calls no other
service, opens no second one, and does not write where it promised to read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aether_tools.check.imports import layer_of, location
from aether_tools.check.source import Module, NameResolver
from aether_tools.finding import Finding

_WRITES: Final = frozenset({"add", "append", "delete", "insert", "put", "remove", "save", "store", "update"})
_OPENERS: Final = frozenset({"read", "run"})


@dataclass(frozen=True, slots=True)
class _Work:
    """The code of one unit of work: `unit` is the name of its parameter, `reads` whether it promised only to read."""

    body: ast.AST
    unit: str
    reads: bool


def check_units(package: str, modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield a finding for each effect that a unit of work must not have."""
    modules = tuple(modules)
    ports = _Ports(f"{package}.application.ports", modules, names)
    for module in modules:
        if layer_of(module) == "application/":
            for node in module.tree.body:
                if isinstance(node, ast.ClassDef):
                    yield from _check_class(module, node, ports)


class _Ports:
    """The Protocols of application/ports.py, and the repositories of its UnitOfWork."""

    def __init__(self, name: str, modules: Iterable[Module], names: NameResolver) -> None:
        self._name = name
        self._names = names
        module = next((each for each in modules if each.name == name), None)
        self._classes: dict[str, ast.ClassDef] = {}
        self._module = module
        if module is not None:
            self._classes = {each.name: each for each in module.tree.body if isinstance(each, ast.ClassDef)}
        self.repositories = (
            self.fields(module, self._classes["UnitOfWork"]) if "UnitOfWork" in self._classes else {}
        )

    def fields(self, module: Module | None, node: ast.ClassDef) -> dict[str, str]:
        """Return the port of each field of a class, by the field's name."""
        found = {}
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=field), annotation=annotation) if module is not None:
                    name = self._names.resolve(module, annotation) or ""
                    owner, _, port = name.rpartition(".")
                    if owner == self._name and port in self._classes:
                        found[field] = port
        return found

    def method(self, port: str, name: str) -> ast.FunctionDef | None:
        """Return a method of a port."""
        return next(
            (
                each
                for each in self._classes[port].body
                if isinstance(each, ast.FunctionDef) and each.name == name
            ),
            None,
        )

    def is_a_source(self, port: str) -> bool:
        """Whether a port only gives values, such as a clock: every method takes nothing, or texts and numbers."""
        methods = [each for each in self._classes[port].body if isinstance(each, ast.FunctionDef)]
        return all(
            len(each.args.posonlyargs + each.args.args) == 1 and not each.args.kwonlyargs for each in methods
        )


def _check_class(module: Module, node: ast.ClassDef, ports: _Ports) -> Iterator[Finding]:
    fields = ports.fields(module, node)
    opening = {field for field, port in fields.items() if port == "Transactions"}
    for work in _works(node, opening):
        for each in ast.walk(work.body):
            match each:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(value=ast.Name(id="self"), attr=field), attr=method
                    )
                ):
                    if field in opening and method in _OPENERS:
                        yield Finding(
                            location(module, each),
                            "unit-nested",
                            f"This unit of work opens another one with self.{field}.{method}: they do not commit together, "
                            "and may wait for each other's locks.",
                            "Use the repositories of the unit that is open, or open the second one afterwards.",
                        )
                    elif field in fields and field not in opening and not ports.is_a_source(fields[field]):
                        yield Finding(
                            location(module, each),
                            "unit-effect",
                            f"This unit of work calls self.{field}.{method}, which no rollback undoes and a second run repeats.",
                            "Call it before the unit of work or after the commit; or let the outbox tell of it.",
                        )
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=unit), attr=field), attr=method)
                ) if work.reads and unit == work.unit and field in ports.repositories:
                    declared = ports.method(ports.repositories[field], method)
                    if method in _WRITES or (declared is not None and _returns_nothing(declared)):
                        yield Finding(
                            location(module, each),
                            "unit-write",
                            f"This unit of work only reads, but calls {unit}.{field}.{method}, which writes.",
                            "Open it with `run`.",
                        )


def _returns_nothing(method: ast.FunctionDef) -> bool:
    return isinstance(method.returns, ast.Constant) and method.returns.value is None


def _works(node: ast.ClassDef, opening: Iterable[str]) -> Iterator[_Work]:
    """Yield the units of work that the methods of a class open."""
    opening = set(opening)
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    for method in methods.values():
        inner = {
            each.name: each
            for each in ast.walk(method)
            if isinstance(each, ast.FunctionDef) and each is not method
        }
        for each in ast.walk(method):
            match each:
                case ast.Call(
                    func=ast.Attribute(
                        value=ast.Attribute(value=ast.Name(id="self"), attr=field), attr=opener
                    ),
                    args=[work],
                ) if field in opening and opener in _OPENERS:
                    found = _body(work, inner, methods)
                    if found is not None:
                        yield _Work(*found, reads=opener == "read")


def _body(
    work: ast.expr, inner: Mapping[str, ast.FunctionDef], methods: Mapping[str, ast.FunctionDef]
) -> tuple[ast.AST, str] | None:
    """Return the code of a unit of work and the name of its parameter. None if it is not written here."""
    match work:
        case ast.Lambda(args=arguments, body=body):
            return body, _parameter(arguments, 0)
        case ast.Name(id=name) if name in inner:
            return inner[name], _parameter(inner[name].args, 0)
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in methods:
            return methods[name], _parameter(methods[name].args, 1)
    return None


def _parameter(arguments: ast.arguments, at: int) -> str:
    every = [*arguments.posonlyargs, *arguments.args]
    return every[at].arg if len(every) > at else ""
