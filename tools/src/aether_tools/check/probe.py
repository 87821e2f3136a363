"""Builds the containers of domains and reports what does not fit. Runs in the workspace's own Python.

It runs as a script and imports nothing of aether_tools, which need not be installed there. It reads tasks as JSON from
standard input and writes one JSON object a line: each finding, between a `begin` and an `end` for each domain, so that
the domain that ended the process is known.
"""

from __future__ import annotations

import ast
import collections.abc
import importlib
import inspect
import json
import os
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

Found = dict[str, object]

_NUMBERS: dict[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}
"""Types that are accepted for a number (PEP 484, the numeric tower)."""


def main() -> None:
    """Work through the tasks; never raises for what a domain does."""
    tasks = json.load(sys.stdin)
    # Domains may print; the protocol keeps a descriptor of its own.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for task in tasks:
        _write(out, {"begin": task["domain"]})
        os.environ.update(task["env"])
        for found in _probe(task):
            _write(out, {"found": found})
        _write(out, {"end": task["domain"]})
    # Do not wait for threads that a container started, of pools and clients.
    os._exit(0)


def _write(out: TextIO, message: dict[str, object]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _probe(task: dict[str, Any]) -> Iterator[Found]:
    file = Path(task["container"])
    try:
        module = importlib.import_module(f"{task['package']}.container")
    except BaseException as error:  # a SystemExit on import is a finding too
        yield _broken(
            task, "container-import", f"{task['package']}.container cannot be imported", error, file, 1
        )
        return
    from dependency_injector import containers, providers

    lines = _lines(file)
    for name, kind in vars(module).items():
        if not (isinstance(kind, type) and issubclass(kind, containers.DeclarativeContainer)):
            continue
        if kind.__module__ != module.__name__:
            continue
        try:
            container = kind()
        except Exception as error:
            yield _broken(task, "container-broken", f"{name} cannot be made", error, file, lines.get(name, 1))
            continue
        yield from _resolve(task, container.providers, providers, file, lines, name)


def _resolve(
    task: dict[str, Any],
    named: dict[str, Any],
    providers: Any,
    file: Path,
    lines: dict[str, int],
    container: str,
) -> Iterator[Found]:
    failed: set[int] = set()
    seen = {id(provider) for provider in named.values()}
    for name, provider in named.items():
        line = lines.get(f"{container}.{name}", 1)
        behind = [each for each in provider.traverse() if id(each) != id(provider)]
        unnamed = [each for each in behind if id(each) not in seen]
        seen.update(map(id, unnamed))
        misfits = [misfit for each in (provider, *unnamed) for misfit in _misfits(each)]
        if misfits:
            failed.add(id(provider))
            for misfit in misfits:
                yield _finding("container-argument", f"The provider {name}: {misfit}.", file, line)
        elif any(id(each) in failed for each in behind):
            failed.add(id(provider))  # a finding of what it is built from comes first
        else:
            try:
                # Before it is built: a wrong argument is a clearer finding than the error that it causes.
                wrong = [what for each in (*unnamed, provider) for what in _wrong_parts(each, providers)]
                if not wrong:
                    provider()
                    for each in (provider, *unnamed):
                        _build_branches(each, providers)
            except Exception as error:
                failed.add(id(provider))
                called = getattr(provider, "provides", None)
                code = "container-setting" if _reads_environment(called) else "container-broken"
                yield _broken(task, code, f"The provider {name} cannot be built", error, file, line)
                continue
            if wrong:
                failed.add(id(provider))
            for what in wrong:
                yield _finding("container-type", f"The provider {name}: {what}.", file, line)


def _build_branches(provider: Any, providers: Any) -> None:
    """Build every branch of a selector, because other settings may choose it. Raises what the branch raises."""
    if isinstance(provider, providers.Selector):
        for branch in provider.providers.values():
            branch()


def _signature(provider: Any) -> tuple[Callable[..., object], inspect.Signature] | None:
    """Return what a provider calls, with its signature. None if it calls nothing or the signature is unknown."""
    provides = getattr(provider, "provides", None)
    if not callable(provides) or not hasattr(provider, "kwargs"):
        return None
    try:
        return provides, inspect.signature(provides)
    except (TypeError, ValueError):
        return None


def _misfits(provider: Any) -> Iterator[str]:
    known = _signature(provider)
    if known is None:
        return
    called, signature = known
    if _reads_environment(called):
        return  # the environment may hold its arguments, so only building it can fail
    try:
        signature.bind(*provider.args, **provider.kwargs)
    except TypeError as error:
        bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
        takes = signature.replace(parameters=bare, return_annotation=signature.empty)
        yield f"{_name(called)} {error}; it takes {takes}"


def _reads_environment(called: object) -> bool:
    """Return whether it is a settings class of pydantic."""
    return isinstance(called, type) and any(
        base.__module__.partition(".")[0] == "pydantic_settings" for base in called.__mro__
    )


def _wrong_parts(provider: Any, providers: Any) -> Iterator[str]:
    """Yield a reason for each argument that does not fit the annotation of its parameter."""
    known = _signature(provider)
    if known is None:
        return
    called, signature = known
    hints = _hints(called)
    arguments = signature.bind_partial(*provider.args, **provider.kwargs).arguments
    for name, given in arguments.items():
        kind = signature.parameters[name].kind
        if name not in hints or kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            continue
        wanted = hints[name]
        value = given() if isinstance(given, providers.Provider) else given
        reason = _misses(wanted, value, providers)
        if reason:
            yield f"{_name(called)} wants {name} to be {_name(wanted)}; {reason}"


def _hints(called: Callable[..., object]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(
            inspect.getattr_static(called, "__init__") if isinstance(called, type) else called
        )
    except Exception:  # an annotation that only a type checker understands
        return {}


def _misses(wanted: Any, value: object, providers: Any) -> str:
    """Return why `value` does not fit the annotation `wanted`. Empty if it fits, or if only a type checker can decide."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in {typing.Union, types.UnionType}:
        reasons = [_misses(each, value, providers) for each in arguments]
        return reasons[0] if all(reasons) else ""
    if origin is collections.abc.Callable:
        # One handed on with `.provider` is called when it is needed; a bare `Callable` promises no result.
        if isinstance(value, providers.Provider) and arguments:
            return _misses(arguments[-1], value(), providers)
        return "" if callable(value) else f"{type(value).__name__} cannot be called"
    if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
        if not isinstance(value, origin):
            return f"got {type(value).__name__}"
        if len(arguments) != 2:  # a bare `Mapping`, or one such as `Counter[str]`
            return ""
        reasons = [_misses(arguments[1], each, providers) for each in value.values()]
        return next(
            (f"in {key!r} {reason}" for key, reason in zip(value, reasons, strict=True) if reason), ""
        )
    wanted = origin or wanted
    if not isinstance(wanted, type):
        return ""
    if getattr(wanted, "_is_protocol", False):
        members = {
            name
            for base in wanted.__mro__
            if getattr(base, "_is_protocol", False) and base is not typing.Protocol
            for name in {*vars(base), *getattr(base, "__annotations__", {})}
            if name == "__call__" or not name.startswith("_")
        }
        lacking = sorted(name for name in members if not _has(value, name))
        return f"{type(value).__name__} has no {', '.join(lacking)}" if lacking else ""
    if wanted in _NUMBERS and isinstance(value, _NUMBERS[wanted]):
        return ""
    try:
        return "" if isinstance(value, wanted) else f"got {type(value).__name__}"
    except TypeError:
        return ""


def _has(value: object, name: str) -> bool:
    """Return whether `value` has the attribute, without reading a property, which may connect to a server."""
    if hasattr(type(value), "__getattr__"):
        return True
    try:
        inspect.getattr_static(value, name)
    except AttributeError:
        return False
    return True


def _name(thing: object) -> str:
    return getattr(thing, "__qualname__", None) or repr(thing)


def _lines(file: Path) -> dict[str, int]:
    """Return the line of each class of the file, and of each name assigned in one."""
    lines: dict[str, int] = {}
    for node in ast.parse(file.read_bytes()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        lines[node.name] = node.lineno
        for statement in node.body:
            targets = (
                statement.targets
                if isinstance(statement, ast.Assign)
                else [statement.target]
                if isinstance(statement, ast.AnnAssign)
                else []
            )
            for target in targets:
                if isinstance(target, ast.Name):
                    lines[f"{node.name}.{target.id}"] = statement.lineno
    return lines


def _broken(task: dict[str, Any], code: str, what: str, error: BaseException, file: Path, line: int) -> Found:
    """Return a finding at the line of the domain that raised an import error, else at `file` and `line`."""
    reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(".")
    if code == "container-import":
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(task["source"])
        ]
        if isinstance(error, SyntaxError) and error.filename:
            file, line = Path(error.filename), error.lineno or 1
        elif frames:
            file, line = Path(frames[-1].filename), frames[-1].lineno or 1
    found = _finding(code, f"{what}: {reason}.", file, line)
    return found | {"fix": "moved-in-the-kits"} if _is_missing_in_the_kits(error) else found


def _is_missing_in_the_kits(error: BaseException) -> bool:
    """Whether the installed aether-adapters lacks the module or the name that was imported."""
    if not isinstance(error, ImportError) or not error.name:
        return False
    installed = not isinstance(error, ModuleNotFoundError) or error.name != "aether_adapters"
    return installed and error.name.partition(".")[0] == "aether_adapters"


def _finding(code: str, reason: str, file: Path, line: int) -> Found:
    return {"code": code, "reason": reason, "file": str(file), "line": line}


if __name__ == "__main__":
    main()
