"""Source reader of the checks: parses modules and resolves names to their definitions.

Import and run nothing. Follow a name through imports, aliases and re-exports, so that `port.CreateInvoice`,
`from ... import CreateInvoice as Op` and `"CreateInvoice"` in quotes resolve to the same name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

_MAX_REEXPORTS: Final = 8
"""Number of re-exports to follow for a name; bounds the search in a cycle."""


@dataclass(frozen=True)
class Module:
    """One parsed file. `name` is its dotted import name; `file` is its path relative to the workspace."""

    name: str
    file: str
    tree: ast.Module = field(repr=False)
    is_package: bool = False
    lines: tuple[str, ...] = field(default=(), repr=False)
    """The file's lines, with the comments that the tree lacks."""

    @property
    def package(self) -> str:
        """The package that relative imports are relative to."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree; walked once for all checks."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def names(self) -> dict[str, str]:
        """Dotted name of the definition of each of the module's top-level names."""
        names: dict[str, str] = {}
        for node in self.nodes:
            match node:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        first = alias.name.partition(".")[0]
                        names[alias.asname or first] = alias.name if alias.asname else first
                case ast.ImportFrom(names=aliases):
                    origin = self.origin(node)
                    for alias in aliases:
                        names[alias.asname or alias.name] = f"{origin}.{alias.name}"
        for statement in self.tree.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute() as value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.Name() | ast.Attribute() as value)
                ):
                    meant = dotted(value)
                    if meant is not None:
                        first, dot, rest = meant.partition(".")
                        names[name] = f"{names.get(first, f'{self.name}.{first}')}{dot}{rest}"
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    names.setdefault(name, f"{self.name}.{name}")
        return names

    def origin(self, node: ast.ImportFrom) -> str:
        """Return the absolute name of the module in a `from ... import`."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


def dotted(expression: ast.expr) -> str | None:
    """Return `a.b.c` for a name or a chain of attributes. None for any other expression."""
    names: list[str] = []
    while isinstance(expression, ast.Attribute):
        names.append(expression.attr)
        expression = expression.value
    return ".".join([expression.id, *reversed(names)]) if isinstance(expression, ast.Name) else None


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below `node` that run with it: not those of functions and classes inside."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from own_nodes(child)


class NameResolver:
    """Resolves names across the modules that it was given."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self._modules = {module.name: module for module in modules}

    def resolve(self, module: Module, expression: ast.expr) -> str | None:
        """Return the dotted name of the definition that `expression` in `module` refers to. None if not a name."""
        match expression:
            case ast.Constant(value=str(text)):
                quoted = _parsed(text)
                return None if quoted is None else self.resolve(module, quoted)
            case ast.Subscript(value=value):
                return self.resolve(module, value)
        name = dotted(expression)
        if name is None:
            return None
        first, dot, rest = name.partition(".")
        return self._follow(f"{module.names.get(first, first)}{dot}{rest}")

    def qualified(self, module: Module, annotation: ast.expr | None) -> str:
        """Return an annotation with each name resolved, so that equal texts are equal types. Empty if absent."""
        if annotation is None:
            return ""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            quoted = _parsed(annotation.value)
            return annotation.value if quoted is None else self.qualified(module, quoted)
        return ast.unparse(_Qualifier(self, module).visit(_copied(annotation)))

    def _follow(self, name: str) -> str:
        for _ in range(_MAX_REEXPORTS):
            module, attribute, rest = self._split(name)
            if module is None or attribute not in module.names:
                return name
            meant = module.names[attribute] + rest
            if meant == name:
                return name
            name = meant
        return name

    def _split(self, name: str) -> tuple[Module | None, str, str]:
        """Split a name into the longest known module that it starts with, an attribute of it, and the rest."""
        parts = name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = self._modules.get(".".join(parts[:length]))
            if module is not None:
                rest = "".join(f".{part}" for part in parts[length + 1 :])
                return module, parts[length], rest
        return None, "", ""


class _Qualifier(ast.NodeTransformer):
    def __init__(self, names: NameResolver, module: Module) -> None:
        self._names = names
        self._module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self._names.resolve(self._module, node) or node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return ast.Name(self._names.resolve(self._module, node) or ast.unparse(node))

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str):
            return ast.Name(self._names.qualified(self._module, node))
        return node


def _copied(expression: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(expression), mode="eval").body


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, slots=True)
class InvalidModule:
    """A file that is not valid Python, with the reason and its location, from 1."""

    file: str
    line: int
    column: int
    reason: str


def read(
    root: Path, source: Path, package: str, containing: re.Pattern[bytes] | None = None
) -> Iterator[Module | InvalidModule]:
    """Parse all modules below `source`, the folder of the package `package`, sorted by path.

    With `containing`, parse only those whose text has a match, because parsing takes most of the time.
    """
    for path in sorted(source.rglob("*.py")):
        file = path.relative_to(root).as_posix()
        parts = [package, *path.relative_to(source).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        try:
            if not path.is_file():
                raise OSError(0, "not a regular file")
            content = path.read_bytes()
            if containing is not None and not containing.search(content):
                continue
            lines = tuple(content.decode(errors="replace").split("\n"))
            yield Module(name, file, ast.parse(content, filename=file), is_package, lines)
        except SyntaxError as error:
            yield InvalidModule(file, error.lineno or 1, error.offset or 1, error.msg)
        except ValueError as error:  # a NUL byte
            yield InvalidModule(file, 1, 1, str(error))
        except (RecursionError, MemoryError):
            yield InvalidModule(file, 1, 1, "it is nested too deeply")
        except OSError as error:
            yield InvalidModule(file, 1, 1, f"it cannot be read ({error.strerror})")
