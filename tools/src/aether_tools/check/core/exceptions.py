"""Finds exceptions that the code of a domain catches and forgets."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.check.imports import layer_of, location
from aether_tools.check.source import Module, NameResolver, own_nodes
from aether_tools.finding import Finding

_LAYERS: Final = frozenset({"domain/", "application/", "adapters/", "adapters/events.py"})
_CORE: Final = frozenset({"domain/", "application/"})
_BROAD: Final = frozenset({"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"})
_CODE: Final = "exception-swallowed"


def check_exceptions(modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield a finding for each place where an exception ends without a trace.

    Catching one class and going on is a decision, if a comment in the handler gives its reason; catching everything is
    none, because it hides the errors that nobody thought of.
    """
    for module in modules:
        layer = layer_of(module)
        if layer in _LAYERS:
            for node in module.nodes:
                reason = _reason(node, module, names, in_core=layer in _CORE)
                if reason:
                    fix = (
                        "Catch the class that is expected, do what it calls for, and raise the others again."
                    )
                    yield Finding(location(module, node), _CODE, reason, fix)


def _reason(node: ast.AST, module: Module, names: NameResolver, *, in_core: bool) -> str:
    match node:
        case ast.ExceptHandler():
            return _handler_reason(node, module, names, in_core=in_core)
        case ast.Call(func=function, args=caught) if names.resolve(module, function) == "contextlib.suppress":
            if any(names.resolve(module, each) in _BROAD for each in caught):
                return "This suppresses every exception, also the errors of this code."
        case ast.Try(finalbody=finally_) | ast.TryStar(finalbody=finally_):
            leaving = (
                each
                for statement in finally_
                for each in (statement, *own_nodes(statement))
                if isinstance(each, ast.Return | ast.Break | ast.Continue)
            )
            if any(leaving):
                return "This leaves `finally` early, so an exception of the block is lost."
        case ast.FunctionDef(name="__exit__"):
            if any(
                isinstance(each, ast.Return)
                and isinstance(each.value, ast.Constant)
                and each.value.value is True
                for each in own_nodes(node)
            ):
                return "This __exit__ returns True, so every exception of the block is lost."
    return ""


def _handler_reason(handler: ast.ExceptHandler, module: Module, names: NameResolver, *, in_core: bool) -> str:
    raises = any(isinstance(each, ast.Raise) for each in own_nodes(handler))
    if handler.type is None:
        return (
            ""
            if raises
            else "This catches every exception, also the end of the process, and raises none again."
        )
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = next((name for each in caught if (name := names.resolve(module, each)) in _BROAD), None)
    idle = all(_does_nothing(statement) for statement in handler.body)
    if broad and not raises and (in_core or idle or broad.endswith("BaseException")):
        return f"This catches {broad.removeprefix('builtins.')}, also the errors of this code, and raises none again."
    if idle and all(isinstance(each, ast.Pass | ast.Expr) for each in handler.body):
        commented = any("#" in line for line in module.lines[handler.lineno - 1 : handler.end_lineno])
        if not commented:
            return f"This ignores {ast.unparse(handler.type)} without saying why."
    return ""


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Continue() | ast.Break() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Return(value=None | ast.Constant()):
            return True
    return False
