"""Finds what keeps a provider from being built: the argument to blame, a way back to itself, a misspelt name.

The probe runs it by its path, so it imports nothing of aether_tools.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any


def signature_of(provider: Any) -> tuple[Callable[..., object], inspect.Signature] | None:
    """Return what a provider calls, with its signature. None if it calls nothing or the signature is unknown."""
    provides = getattr(provider, "provides", None)
    if not callable(provides) or not hasattr(provider, "kwargs"):
        return None
    try:
        return provides, inspect.signature(provides)
    except (TypeError, ValueError):
        return None


def culprit(provider: Any, error: Exception, names: dict[int, str]) -> tuple[Any, str, Any, Exception]:
    """Return the innermost inline provider that cannot be built, its error, and who takes it as which parameter."""
    parent, parameter = None, ""
    while True:
        for name, child in _arguments_of(provider):
            if id(child) in names:
                continue
            try:
                child()
            except Exception as reason:
                parent, parameter, provider, error = provider, name, child, reason
                break
        else:
            return parent, parameter, provider, error


def _arguments_of(provider: Any) -> Iterator[tuple[str, Any]]:
    """Yield the providers among the arguments of a provider, each with the name of its parameter."""
    # Of its class, because `settings.provided` answers every attribute with another provider.
    own = {
        each: getattr(provider, each)
        for each in ("args", "kwargs", "providers")
        if hasattr(type(provider), each)
    }
    known = signature_of(provider) if "kwargs" in own else None
    positional = [] if known is None else list(known[1].parameters)
    given = [
        (positional[at] if at < len(positional) else str(at), each)
        for at, each in enumerate(own.get("args", ()))
    ]
    named = own.get("kwargs") or own.get("providers")
    for name, each in (*given, *(named.items() if isinstance(named, dict) else ())):
        if hasattr(type(each), "related"):
            yield name, each


def title(provider: Any, names: dict[int, str]) -> str:
    """Return how a provider is written: its name, `settings.field`, or what it makes."""
    if id(provider) in names:
        return names[id(provider)]
    attribute = re.fullmatch(r'AttributeGetter\("(\w+)"\)', repr(provider))
    inner = getattr(provider, "provides", None)
    if attribute:
        return f"{title(inner, names)}.{attribute[1]}"
    if type(provider).__name__ in {"ProvidedInstance", "Delegate"}:
        return title(inner, names)
    return str(_name_of(inner) if inner is not None else provider)


def cycle(provider: Any, names: dict[int, str]) -> list[tuple[Any, str, str]]:
    """Return a way from a provider back to itself: who takes what as which parameter. Empty if there is none."""
    waiting: list[tuple[Any, list[tuple[Any, str, str]]]] = [(provider, [])]
    seen: set[int] = set()
    while waiting:
        each, way = waiting.pop(0)
        for parameter, child in _arguments_of(each):
            step = [*way, (each, parameter, title(child, names))]
            if child is provider:
                return step
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append((child, step))
    return []


def _name_of(thing: object) -> str:
    """Return the name of a class or function, else its text."""
    return getattr(thing, "__qualname__", None) or repr(thing)


def correct_name(error: BaseException) -> str:
    """Return what to write instead of an attribute that does not exist. Empty for any other error."""
    missing = re.search(r"'(\w+)' object has no attribute '(\w+)'", str(error))
    if not isinstance(error, AttributeError) or missing is None:
        return ""
    owner = next((each for each in _classes() if each.__name__ == missing[1]), None)
    known = [] if owner is None else [*dir(owner), *getattr(owner, "model_fields", {})]
    close = difflib.get_close_matches(missing[2], known, 1)
    return (
        f"Write {close[0]} instead of {missing[2]}."
        if close
        else f"{missing[1]} has no {missing[2]}: correct the name."
    )


def _classes() -> Iterator[type]:
    """Yield every class of the process."""
    waiting: list[type] = [object]
    seen: set[int] = set()
    while waiting:
        children: list[type] = type.__subclasses__(waiting.pop())
        for each in children:
            if id(each) not in seen:
                seen.add(id(each))
                waiting.append(each)
                yield each
