"""Finds the line of each provider of a container and of each of its arguments, also of those that stand inline.

The probe runs it by its path, so it imports nothing of aether_tools.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any


class Places:
    """The lines of one container.py."""

    def __init__(self, file: Path) -> None:
        self.tree = ast.parse(file.read_bytes())
        self._lines: dict[str, int] = {}
        self._values: dict[str, ast.expr] = {}
        self._added: dict[str, list[ast.keyword]] = {}
        self._calls: dict[int, tuple[ast.Call, Any]] = {}
        self._more: dict[int, list[ast.keyword]] = {}
        # With the provider, which keeps its id from being given to another one.
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                self._lines[node.name] = node.lineno
                for statement in node.body:
                    self._remember(node.name, statement)

    def _remember(self, owner: str, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            match statement:
                case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "add_kwargs"), _, keywords)):
                    self._added.setdefault(f"{owner}.{name}", []).extend(keywords)
            return
        for target in targets:
            if isinstance(target, ast.Name):
                self._lines[f"{owner}.{target.id}"] = statement.lineno
                if statement.value is not None:
                    self._values[f"{owner}.{target.id}"] = statement.value

    def line(self, name: str) -> int:
        """Return the line of a class, or of `Class.attribute`; 1 if it is not in the file."""
        return self._lines.get(name, 1)

    def match(self, name: str, provider: Any) -> None:
        """Learn where the arguments of a named provider stand."""
        if name in self._values:
            self._match(self._values[name], provider)
            if id(provider) in self._calls:
                self._more[id(provider)] = self._added.get(name, [])

    def _match(self, node: ast.expr, provider: Any) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript):
            # `x.provided.y` and `x.provider` wrap x once for each attribute.
            node, provider = node.value, getattr(provider, "provides", None)
        if not isinstance(node, ast.Call) or id(provider) in self._calls:
            return
        self._calls[id(provider)] = node, provider
        given = getattr(provider, "args", ())
        for written, each in zip(node.args[len(node.args) - len(given) :], given, strict=False):
            self._match(written, each)
        named = getattr(provider, "kwargs", None) or getattr(provider, "providers", None)
        for keyword in node.keywords:
            if isinstance(named, dict) and keyword.arg in named:
                self._match(keyword.value, named[keyword.arg])

    def argument(self, provider: Any, name: str, position: int | None, otherwise: int) -> int:
        """Return the line of an argument of a provider, or of the provider, or `otherwise` if neither is known."""
        if id(provider) not in self._calls:
            return otherwise
        call, _ = self._calls[id(provider)]
        for keyword in (*self._more.get(id(provider), ()), *call.keywords):
            if keyword.arg == name:
                return int(keyword.lineno)
        given = len(getattr(provider, "args", ()))
        if position is not None and position < given <= len(call.args):
            return call.args[len(call.args) - given + position].lineno
        return call.lineno
