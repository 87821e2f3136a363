"""Decides whether an object fits the annotation of a parameter, as far as that is known at run time.

The probe runs it by its path, so it imports nothing of aether_tools.
"""

from __future__ import annotations

import collections.abc
import difflib
import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

_NUMBERS: dict[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}
"""Types that are accepted for a number (PEP 484, the numeric tower)."""
_NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def misfit(
    called: Callable[..., object], signature: inspect.Signature, args: Any, kwargs: Any
) -> tuple[str, str, str] | None:
    """Return the argument that `called` does not take, if one is to blame, the reason, and the name to write instead.

    None if the arguments match the signature.
    """
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
        takes = signature.replace(parameters=bare, return_annotation=signature.empty)
        parameters = signature.parameters.values()
        accepted = [each.name for each in parameters if each.kind in _NAMED]
        unknown = [name for name in kwargs if name not in accepted]
        if not unknown or any(each.kind is each.VAR_KEYWORD for each in parameters):
            return "", f"{name_of(called)} {error}; it takes {takes}", ""
        free = [name for name in accepted if name not in kwargs]
        close = difflib.get_close_matches(unknown[0], free, 1)
        return (
            unknown[0],
            f"{name_of(called)} has no parameter {unknown[0]}; it takes {takes}",
            close[0] if close else "",
        )
    return None


def misses(wanted: Any, value: object, providers: Any) -> str:
    """Return why `value` does not fit the annotation `wanted`. Empty if it fits, or if only a type checker can decide."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        return misses(arguments[0], value, providers)
    if origin in {typing.Union, types.UnionType}:
        reasons = [misses(each, value, providers) for each in arguments]
        return reasons[0] if all(reasons) else ""
    if origin is collections.abc.Callable:
        if not callable(value):
            return f"{type(value).__name__} cannot be called"
        # One handed on with `.provider` is called when it is needed; one that is given arguments then, only then.
        if isinstance(value, providers.Provider) and arguments and arguments[0] == []:
            return misses(arguments[-1], value(), providers)
        return ""
    if isinstance(origin, type) and issubclass(origin, collections.abc.Mapping):
        if not isinstance(value, origin):
            return f"got {_kind(value)}"
        if len(arguments) != 2:  # a bare `Mapping`, or one such as `Counter[str]`
            return ""
        reasons = [misses(arguments[1], each, providers) for each in value.values()]
        return next(
            (f"in {key!r} {reason}" for key, reason in zip(value, reasons, strict=True) if reason), ""
        )
    wanted = origin or wanted
    if not isinstance(wanted, type):
        return ""
    if getattr(wanted, "_is_protocol", False):
        return _misses_protocol(wanted, value)
    if wanted in _NUMBERS and isinstance(value, _NUMBERS[wanted]):
        return ""
    try:
        return "" if isinstance(value, wanted) else f"got {_kind(value)}"
    except TypeError:
        return ""


def name_of(thing: object) -> str:
    """Return the name of a class or function, else its text."""
    return getattr(thing, "__qualname__", None) or repr(thing)


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _misses_protocol(wanted: type, value: object) -> str:
    members = _members(wanted)
    lacking = sorted(name for name in members if not _has(value, name))
    if lacking:
        return f"{_kind(value)} has no {', '.join(lacking)}"
    for name, promised in members.items():
        if not isinstance(promised, types.FunctionType):
            continue
        given = _method(value, name)
        if given is None:
            continue
        if isinstance(value, type) and isinstance(inspect.getattr_static(value, name), types.FunctionType):
            return f"got the class {value.__name__}, not an object of it"
        reason = _differs(promised, given, bound=_is_bound(value, name))
        if reason:
            owner = name_of(value) if isinstance(value, type) or given is value else type(value).__name__
            return f"{owner} {reason}" if name == "__call__" else f"{owner}.{name} {reason}"
    return ""


@functools.cache
def _members(protocol: type) -> dict[str, object]:
    """Return what a protocol asks for, by name."""
    return {
        name: vars(base).get(name)
        for base in reversed(protocol.__mro__)
        if getattr(base, "_is_protocol", False) and base is not typing.Protocol
        for name in {*vars(base), *getattr(base, "__annotations__", {})}
        if name == "__call__" or not name.startswith("_")
    }


def _has(value: object, name: str) -> bool:
    """Return whether `value` has the attribute, without reading a property, which may connect to a server."""
    if hasattr(type(value), "__getattr__"):
        return True
    try:
        inspect.getattr_static(value, name)
    except AttributeError:
        return False
    return True


def _method(value: object, name: str) -> Any:
    """Return the function behind a method of `value`, or itself if it is one. None if that is not known."""
    if name == "__call__" and (isinstance(value, types.FunctionType | types.BuiltinFunctionType | type)):
        return value
    try:
        found = inspect.getattr_static(value, name)
    except AttributeError:
        return None
    return found if isinstance(found, types.FunctionType) else None


def _is_bound(value: object, name: str) -> bool:
    """Return whether the function behind the method takes the object first."""
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.ModuleType | type):
        return False
    return name not in getattr(value, "__dict__", {})


def _differs(promised: types.FunctionType, given: Any, *, bound: bool) -> str:
    """Return how `given` cannot be called as `promised` says. Empty if it can, or if that is not known."""
    wanted, has = _shape(promised, True), _shape(given, bound)
    if wanted is None or has is None:
        return ""
    parameters, answer = wanted
    if any(each.kind in _VARIADIC for each, _ in parameters):
        return ""
    positional = [kind for each, kind in parameters if each.kind in _POSITIONAL]
    keywords = {each.name: None for each, _ in parameters if each.kind is each.KEYWORD_ONLY}
    try:
        inspect.Signature([each for each, _ in has[0]]).bind(*([None] * len(positional)), **keywords)
    except TypeError:
        called = [*map(_text, positional), *(f"{name}=" for name in keywords)]
        return f"cannot be called with ({', '.join(called)})"
    if isinstance(given, types.BuiltinFunctionType):
        own = [kind for kind in positional if isinstance(kind, type) and kind.__module__ != "builtins"]
        return f"is built in and knows no {own[0].__name__}" if own else ""
    if (
        inspect.iscoroutinefunction(given)
        and not inspect.iscoroutinefunction(promised)
        and isinstance(answer, type)
    ):
        return "is asynchronous"
    taken = [kind for each, kind in has[0] if each.kind in _POSITIONAL]
    for asked, kind in zip(positional, taken, strict=False):
        if not _accepts(kind, asked):
            return f"takes {_text(kind)} instead of {_text(asked)}"
    result = given if isinstance(given, type) else has[1]
    return "" if _accepts(answer, result) else f"returns {_text(result)} instead of {_text(answer)}"


@functools.lru_cache(maxsize=4096)
def _shape(function: Any, bound: bool) -> tuple[list[tuple[inspect.Parameter, Any]], Any] | None:
    """Return the parameters of a function, without the object it is bound to, with their types, and its result's."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[1 if bound else 0 :]
        hints = {} if isinstance(function, type) else typing.get_type_hints(function)
    except Exception:  # a signature or an annotation that only a type checker understands
        return None
    return [(each, hints.get(each.name)) for each in parameters], hints.get("return")


def _accepts(wanted: Any, kind: Any) -> bool:
    """Return whether an object of the type `kind` does for `wanted`. True if only a type checker can decide."""
    if not isinstance(wanted, type) or not isinstance(kind, type):
        return True
    if getattr(wanted, "_is_protocol", False) or getattr(kind, "_is_protocol", False):
        return True
    try:
        return issubclass(kind, (wanted, *_NUMBERS.get(wanted, ())))
    except TypeError:
        return True


def _text(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else "..." if kind is None else str(kind)


def wrong_arguments(
    called: Callable[..., object], arguments: dict[str, Any], signature: inspect.Signature, providers: Any
) -> Iterator[tuple[str, str]]:
    """Yield name and reason of each argument that does not fit the annotation of its parameter."""
    hints = _hints(called)
    for name, given in arguments.items():
        if name not in hints or signature.parameters[name].kind in _VARIADIC:
            continue
        value = given() if isinstance(given, providers.Provider) else given
        reason = misses(hints[name], value, providers)
        if reason:
            yield name, f"{name_of(called)} wants {name} to be {name_of(hints[name])}; {reason}"


def _hints(called: Callable[..., object]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(
            inspect.getattr_static(called, "__init__") if isinstance(called, type) else called
        )
    except Exception:  # an annotation that only a type checker understands
        return {}
