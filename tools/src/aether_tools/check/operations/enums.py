"""Checks the enums of a domain against those of its contract: no member is lacking, and none is looked up by name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.check.source import Module, NameResolver
from aether_tools.finding import Finding, Location

_ENUMS: Final = {"enum.Enum", "enum.StrEnum", "enum.IntEnum"}


def check_enums(
    modules: Iterable[Module], generated: Iterable[Module], names: NameResolver
) -> Iterator[Finding]:
    """Yield a finding for each enum of the domain that lacks a member of the contract's, and each lookup by name."""
    modules = list(modules)
    own = {name: found for module in modules for name, found in _enums(module, names)}
    contract = {name: found for module in generated for name, found in _enums(module, names)}
    for name, (module, node) in own.items():
        partner = _partner(name, contract)
        if ".domain." not in name or partner is None:
            continue
        promised = _members(contract[partner][1])
        lacking = sorted(promised - _members(node))
        if lacking and promised & _members(node):
            yield Finding(
                Location(module.file, node.lineno, node.col_offset + 1),
                "enum-member",
                f"{node.name} lacks {', '.join(lacking)}, which the contract's {partner.rpartition('.')[2]} has.",
                "Add the member and what it means to the rules, or remove it from the contract.",
            )
    for module in modules:
        for expression in module.nodes:
            for enum in _looked_up_by_name(expression):
                if names.resolve(module, enum) in own.keys() | contract.keys():
                    yield Finding(
                        Location(module.file, enum.lineno, enum.col_offset + 1),
                        "enum-by-name",
                        f"A member of {ast.unparse(enum)} is looked up by the name of another enum's member.",
                        "Write a `match` with a case for each member and `assert_never`: mypy then names a new member.",
                    )


def _enums(module: Module, names: NameResolver) -> Iterator[tuple[str, tuple[Module, ast.ClassDef]]]:
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef) and any(
            names.resolve(module, each) in _ENUMS for each in node.bases
        ):
            yield f"{module.name}.{node.name}", (module, node)


def _members(enum: ast.ClassDef) -> set[str]:
    return {
        target.id
        for statement in enum.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    }


def _partner(name: str, contract: Iterable[str]) -> str | None:
    """Return the contract's enum of the same name, else the only one that ends in it: OrderStatus for Status."""
    own = name.rpartition(".")[2]
    known = {each: each.rpartition(".")[2] for each in contract}
    same = [each for each, short in known.items() if short == own]
    longer = same or [each for each, short in known.items() if short.endswith(own)]
    return longer[0] if len(longer) == 1 else None


def _looked_up_by_name(expression: ast.AST) -> Iterator[ast.expr]:
    """Yield the enum in `Status[x.name]`, `Status.__members__[x.name]` and `getattr(Status, x.name)`."""
    match expression:
        case (
            ast.Subscript(
                value=ast.Attribute(value=enum, attr="__members__"), slice=ast.Attribute(attr="name")
            )
            | ast.Subscript(value=enum, slice=ast.Attribute(attr="name"))
            | ast.Call(func=ast.Name("getattr"), args=[enum, ast.Attribute(attr="name"), *_])
        ):
            yield enum
