"""Writes what a new operation needs in code, as far as it follows from the contract: a use case, and its provider."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator

from aether_tools.check.source import Module, NameResolver
from aether_tools.finding import Edit

_WIDTH = 100
"""Characters of a line after which the arguments of a provider stand below each other."""


def use_case(port: Module, operation: str, request: str, response: str) -> str:
    """Return the module of a use case that refuses to work yet. `request` and `response` are full names of types."""
    package = port.name.rpartition(".")[0]
    protocol = next(
        node for node in port.tree.body if isinstance(node, ast.ClassDef) and node.name == operation
    )
    said = ast.get_docstring(protocol)
    docstring = [f'    """{said.splitlines()[0]}"""', ""] if said else []
    imports = {f"from {package} import {', '.join(['port', *_own_types(package, request, response)])}"}
    for name in (request, response):
        for module, named in re.findall(r"([\w.]+)\.(\w+)", name):
            if module != f"{package}.types":
                imports.add(f"from {module} import {named}")
    return "\n".join(
        [
            "from dataclasses import dataclass",
            "",
            *sorted(imports),
            "",
            "",
            "@dataclass(frozen=True, slots=True, kw_only=True)",
            f"class {operation}(port.{operation}):",
            *docstring,
            f"    def __call__(self, request: {short(package, request)}, /) -> {short(package, response)}:",
            f'        raise NotImplementedError("{operation} is not written yet.")',
            "",
        ]
    )


def short(package: str, type_name: str) -> str:
    """Return a type as a use case writes it: `types.Invoice` for the types of the contract, else its last name."""
    return re.sub(r"[\w.]+\.", lambda found: "types." if found[0] == f"{package}.types." else "", type_name)


def _own_types(package: str, *names: str) -> list[str]:
    return ["types"] if any(f"{package}.types." in name for name in names) else []


def provider(
    container: Module,
    names: NameResolver,
    port: Module,
    fields: Collection[str],
    field: str,
    module: str,
    name: str,
    needs: Iterable[str],
) -> tuple[Edit, ...]:
    """Return the edits of container.py that pass the use case `name` of `module` to the port as `field`.

    `fields` are all operations of the port and `needs` the parameters of the use case. Empty if container.py is not such
    that they are plain: the port's call ends on a line of its own, and the container has a provider of each parameter's name.
    """
    call = _port_call(container, names, port, fields)
    needs = list(needs)
    if call is None or call.end_lineno is None or not set(needs) <= _providers(container, call):
        return ()
    last = call.keywords[-1]
    if last.value.end_lineno == call.end_lineno or any(keyword.arg == field for keyword in call.keywords):
        return ()
    made = _maker(call)
    if made is None:
        return ()
    indent = " " * last.col_offset
    arguments = [name, *(f"{each}={each}" for each in needs)]
    entry = f"{indent}{field}={made}({', '.join(arguments)}),\n"
    if len(entry) > _WIDTH:
        inner = "".join(f"{indent}    {each},\n" for each in arguments)
        entry = f"{indent}{field}={made}(\n{inner}{indent}),\n"
    return (*_import(container, module, name), Edit(container.file, call.end_lineno, entry))


def parameters(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fields of a dataclass that have no default, or the parameters of `__init__` that have none."""
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=None, annotation=annotation):
                if not re.match(r"(typing\.)?ClassVar\b", ast.unparse(annotation)):
                    yield name
            case ast.FunctionDef(name="__init__", args=given):
                plain = [*given.posonlyargs, *given.args][1:]
                yield from (each.arg for each in plain[: len(plain) - len(given.defaults)])
                pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
                yield from (each.arg for each, default in pairs if default is None)


def _port_call(
    container: Module, names: NameResolver, port: Module, fields: Collection[str]
) -> ast.Call | None:
    """Return the call that makes the provider of the port: `Singleton(port.BillingService, create_invoice=...)`."""
    for node in container.nodes:
        if (
            isinstance(node, ast.Call)
            and node.args
            and node.keywords
            and (names.resolve(container, node.args[0]) or "").rpartition(".")[0] == port.name
            and all(keyword.arg in fields for keyword in node.keywords)
        ):
            return node
    return None


def _maker(call: ast.Call) -> str | None:
    """Return how the container writes the provider of another use case, such as `Singleton`."""
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Call):
            return ast.unparse(keyword.value.func)
    return ast.unparse(call.func)


def _providers(container: Module, call: ast.Call) -> set[str]:
    """Return the names that the container has before the port."""
    found = set()
    for node in container.tree.body:
        if isinstance(node, ast.ClassDef) and node.lineno <= call.lineno <= (node.end_lineno or 0):
            for statement in node.body:
                match statement:
                    case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                        if statement.lineno < call.lineno:
                            found.add(name)
    return found


def _import(container: Module, module: str, name: str) -> tuple[Edit, ...]:
    """Return the edit that imports the class, in alphabetical order among the imports of its package."""
    package = module.partition(".")[0]
    imports = [node for node in container.tree.body if isinstance(node, ast.ImportFrom) and node.level == 0]
    own = [node for node in imports if (node.module or "").partition(".")[0] == package] or imports
    if any(node.module == module and any(each.name == name for each in node.names) for node in own):
        return ()
    after = next((node for node in own if (node.module or "") > module), None)
    line = after.lineno if after is not None else (own[-1].end_lineno or 0) + 1 if own else 1
    return (Edit(container.file, line, f"from {module} import {name}\n"),)
