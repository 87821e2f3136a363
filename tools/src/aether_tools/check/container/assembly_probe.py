"""Finds parts that a container makes and no role runs, shared state that is made twice, and errors without a kind.

The probe runs it by its path, so it imports nothing of aether_tools.
"""

from __future__ import annotations

import ast
import dataclasses
import dis
import functools
import inspect
import sys
import types
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

Found = dict[str, object]

_MEMORY = ("Memory", "InMemory", "Fake")
_MUTABLE = (dict, list, set, bytearray)


def assembly(task: dict[str, Any], named: dict[str, Any], places: Any, container: str) -> Iterator[Found]:
    """Yield what is wrong with the process that a container's `process` builds, once each provider can be built."""
    from dependency_injector import providers

    process = named.get("process")
    run = set() if process is None else {id(process), *(id(each) for each in process.traverse())}
    seen = {id(provider) for provider in named.values()}
    for name, provider in named.items():
        line = places.line(f"{container}.{name}")
        if process is not None and id(provider) not in run and _runs(provider):
            yield _found(
                task, "container-idle", line, f"The provider {name} makes what must run, and no role runs it."
            )
        unnamed = [each for each in provider.traverse() if id(each) not in seen]
        seen.update(map(id, unnamed))
        for each in (provider, *unnamed):
            at = places.argument(each, "", None, line)
            made = getattr(each, "provides", None)
            if isinstance(made, type) and _is_for_tests(made):
                yield _found(
                    task,
                    "container-memory",
                    at,
                    f"The provider {name} makes {made.__qualname__}, which keeps everything in memory.",
                )
            if isinstance(each, providers.Factory) and isinstance(made, type) and _has_state(made):
                yield _found(
                    task,
                    "container-factory",
                    at,
                    f"The provider {name} makes another {made.__qualname__} for each use, and each has its own state.",
                )


def _runs(provider: Any) -> bool:
    """Return whether a provider makes a part of the worker: it has `run`, or its function says that it returns such."""
    made = getattr(provider, "provides", None)
    if not isinstance(made, type):
        hints = getattr(made, "__annotations__", {})
        made = hints.get("return") if isinstance(made, types.FunctionType) else None
        if isinstance(made, str):
            scope = getattr(provider.provides, "__globals__", {})
            made = scope.get(made.partition("[")[0])
    run = inspect.getattr_static(made, "run", None) if isinstance(made, type) else None
    return isinstance(run, types.FunctionType) and "stop" in inspect.signature(run).parameters


def _is_for_tests(made: type) -> bool:
    module = made.__module__.split(".")
    return made.__name__.startswith(_MEMORY) or "memory" in module or "tests" in module


@functools.cache
def _has_state(made: type) -> bool:
    """Return whether objects of the class remember something: they assign themselves, or hold what changes in place."""
    if made.__module__ == "builtins":
        return issubclass(made, _MUTABLE)
    for base in made.__mro__:
        if vars(base).get("_is_protocol") or base.__module__ in {"abc", "builtins", "typing"}:
            continue
        frozen = dataclasses.is_dataclass(base) and base.__dataclass_params__.frozen  # type: ignore[attr-defined]
        for name, member in vars(base).items():
            if isinstance(member, functools.cached_property):
                return True
            if not isinstance(member, types.FunctionType) or frozen or name.startswith("__set"):
                continue
            if name == "__init__":
                if _makes_mutable(member):
                    return True
            elif any(each.opname == "STORE_ATTR" for each in dis.get_instructions(member)):
                return True
    return False


def _makes_mutable(constructor: types.FunctionType) -> bool:
    """Return whether a constructor makes a lock, a pool, or a collection that it keeps."""
    code = constructor.__code__
    made = {"BUILD_MAP", "BUILD_LIST", "BUILD_SET"}
    names = {
        "Lock",
        "RLock",
        "Condition",
        "Semaphore",
        "Queue",
        "deque",
        "OrderedDict",
        "local",
        "create_engine",
    }
    steps = list(dis.get_instructions(constructor))
    return bool(names & set(code.co_names)) or any(
        step.opname in made and following.opname.startswith("LOAD_FAST")
        for step, following in pairwise(steps)
    )


def error_kinds(task: dict[str, Any], module: types.ModuleType) -> Iterator[Found]:
    """Yield the errors of the domain that its table does not know, and a table that has another domain's name."""
    tables = {
        id(each): each for each in vars(module).values() if type(each).__name__ == "ErrorTable"
    }.values()
    if not tables:
        return
    tree = ast.parse(Path(task["container"]).read_bytes())
    lines = [
        (node.args[0] if node.args else node).lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "ErrorTable"
    ]
    for table, line in zip(tables, lines, strict=False):
        if table.domain != task["domain"]:
            yield _found(
                task,
                "error-domain",
                line,
                f"The error table of {task['domain']} says that its errors are those of {table.domain!r}.",
            )
    kinds = tuple({kind for table in tables for kind in vars(table).get("_kinds", {})})
    rules = sys.modules.get(f"{task['package']}.domain.errors")
    if rules is None or not kinds:
        return
    for name, error in vars(rules).items():
        if (
            not isinstance(error, type)
            or not issubclass(error, Exception)
            or error.__module__ != rules.__name__
        ):
            continue
        parents = any(issubclass(kind, error) for kind in kinds)  # of errors that have one
        if not issubclass(error, kinds) and not parents and not _is_caught(task, name):
            yield _found(
                task,
                "error-kind",
                _class_line(Path(str(rules.__file__)), name),
                f"{name} has no kind, so a caller gets an internal error (500) for it.",
            ) | {"file": str(rules.__file__)}


def _is_caught(task: dict[str, Any], name: str) -> bool:
    """Return whether the domain catches an error itself."""
    for file in Path(task["source"]).rglob("*.py"):
        text = file.read_text(encoding="utf-8", errors="replace")
        if any(
            name in line for line in text.split("\n") if line.lstrip().startswith("except ")
        ):  # the same line, for ruff joins what fits
            return True
    return False


def _class_line(file: Path, name: str) -> int:
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node.lineno
    return 1


def _found(task: dict[str, Any], code: str, line: int, reason: str) -> Found:
    return {"code": code, "reason": reason, "file": task["container"], "line": line}
