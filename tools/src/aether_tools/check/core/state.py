"""Finds state that changes in place: aggregates that are not frozen, and modules that remember.

Every change of an aggregate returns a new one, which carries its events and is saved with the version that was loaded.
One that changes in place escapes both. What a module remembers is shared by all requests of one process, and differs
from one process to the next.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from aether_tools.check.imports import layer_of, location
from aether_tools.check.source import Module, NameResolver, own_nodes
from aether_tools.finding import Finding

_CORE: Final = frozenset({"domain/", "application/"})
_MUTABLE: Final = frozenset(
    {"list", "dict", "set", "bytearray", "array.array"}
    | {f"collections.{name}" for name in ("ChainMap", "Counter", "OrderedDict", "defaultdict", "deque")}
    | {f"collections.abc.{name}" for name in ("MutableMapping", "MutableSequence", "MutableSet")}
    | {f"typing.{name}" for name in ("DefaultDict", "Deque", "Dict", "List", "MutableMapping", "MutableSequence",
                                     "MutableSet", "OrderedDict", "Set")}
    | {"weakref.WeakKeyDictionary", "weakref.WeakSet", "weakref.WeakValueDictionary"}
)  # fmt: skip
"""Types whose objects change in place."""
_ALWAYS_STATE: Final = frozenset(
    {"itertools.count", "itertools.cycle", "iter", "threading.Lock", "threading.RLock", "threading.Condition"}
)
"""What changes by being used."""
_MUTATORS: Final = frozenset(
    {
        "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "intersection_update",
        "pop", "popitem", "popleft", "remove", "reverse", "setdefault", "sort", "symmetric_difference_update", "update",
    }
)  # fmt: skip
_BUILDERS: Final = frozenset({"__init__", "__new__", "__post_init__"})
"""Methods that may assign attributes, because the object does not exist before."""
_FROZEN_FIX: Final = (
    "Write `@dataclass(frozen=True, slots=True)`, and return a changed copy with `dataclasses.replace`."
)
_STATE_FIX: Final = "Pass it as an argument, or keep it in an adapter behind a port; for a constant use a tuple or a frozenset."


def check_state(modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield a finding for each aggregate that can change in place, and for each module that remembers something."""
    core = [module for module in modules if layer_of(module) in _CORE]
    changed = {name for module in core for name in _changed_in_place(module, names)}
    for module in core:
        in_domain = layer_of(module) == "domain/"
        yield from _module_state(module, names, changed)
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                yield from _class_findings(module, names, node, in_domain=in_domain)
        if in_domain:
            yield from _assignments(module)


def _class_findings(
    module: Module, names: NameResolver, node: ast.ClassDef, *, in_domain: bool
) -> Iterator[Finding]:
    decorator = _dataclass(module, names, node)
    is_use_case = any(isinstance(each, ast.FunctionDef) and each.name == "__call__" for each in node.body)
    if decorator is not None and (in_domain or is_use_case) and not _is_frozen(decorator):
        what = (
            "one that changes in place escapes the versioned save"
            if in_domain
            else "many threads call one use case"
        )
        yield Finding(
            location(module, node),
            "state-unfrozen",
            f"The dataclass {node.name} is not frozen, but {what}.",
            _FROZEN_FIX,
        )
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=field), annotation=annotation) if (
                in_domain and decorator is not None
            ):
                kind = _mutable_type(module, names, annotation)
                if kind:
                    yield Finding(
                        location(module, statement),
                        "state-field",
                        f"The field {field} of {node.name} is a {kind}, which changes in place though the dataclass is frozen.",
                        "Use a tuple, a frozenset or a Mapping.",
                    )
            case (
                ast.Assign(targets=[ast.Name(id=field)], value=value)
                | ast.AnnAssign(target=ast.Name(id=field), value=ast.expr() as value)
            ) if not field.startswith("__") and _is_state(module, names, value):
                yield _state(
                    module, statement, f"{node.name}.{field} is shared by all objects and changes in place"
                )


def _dataclass(module: Module, names: NameResolver, node: ast.ClassDef) -> ast.expr | None:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if names.resolve(module, called) == "dataclasses.dataclass":
            return decorator
    return None


def _is_frozen(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and any(
        keyword.arg is None
        or (
            keyword.arg == "frozen"
            and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        )
        for keyword in decorator.keywords
    )


def _mutable_type(module: Module, names: NameResolver, annotation: ast.expr) -> str:
    """Return the first mutable type in an annotation, outside of a `Callable`. Empty if there is none."""
    match annotation:
        case ast.Constant(value=str(text)):
            try:
                return _mutable_type(module, names, ast.parse(text, mode="eval").body)
            except (SyntaxError, ValueError):
                return ""
        case ast.Subscript(value=value, slice=inner):
            name = names.resolve(module, value) or ""
            if name in _MUTABLE:
                return name
            if name.endswith(".Callable"):
                return ""
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return next((found for part in parts if (found := _mutable_type(module, names, part))), "")
        case ast.BinOp(left=left, right=right):
            return _mutable_type(module, names, left) or _mutable_type(module, names, right)
        case ast.Name() | ast.Attribute():
            name = names.resolve(module, annotation) or ""
            return name if name in _MUTABLE else ""
    return ""


def _module_state(module: Module, names: NameResolver, changed: set[str]) -> Iterator[Finding]:
    for statement in module.tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                if not name.startswith("__") and (
                    _is_state(module, names, value)
                    or (_is_container(module, names, value) and f"{module.name}.{name}" in changed)
                ):
                    yield _state(module, statement, f"{name} is state of the module")
            case (
                ast.Assign(targets=[ast.Attribute() as target])
                | ast.AugAssign(target=ast.Attribute() as target)
            ):
                yield _state(
                    module,
                    statement,
                    f"{ast.unparse(target)} is state that the module keeps in another object",
                )
    for node in module.nodes:
        match node:
            case ast.Global(names=rebound):
                yield _state(module, node, f"`global` makes {', '.join(rebound)} state of the module")
            case (
                ast.FunctionDef(args=arguments)
                | ast.AsyncFunctionDef(args=arguments)
                | ast.Lambda(args=arguments)
            ):
                for default in (*arguments.defaults, *arguments.kw_defaults):
                    if default is not None and _is_container(module, names, default):
                        yield _state(module, default, "This default is one object, shared by all calls")


def _state(module: Module, node: ast.AST, what: str) -> Finding:
    reason = f"{what}: it differs between processes, and nothing guards it against other threads."
    return Finding(location(module, node), "state-module", reason, _STATE_FIX)


def _is_state(module: Module, names: NameResolver, value: ast.expr) -> bool:
    """Whether a value has no use unless it changes: a container that is empty, a counter, a lock."""
    match value:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=function, args=arguments, keywords=keywords):
            name = names.resolve(module, function)
            if name in _ALWAYS_STATE:
                return True
            filled = bool(keywords) or len(arguments) > (1 if name == "collections.defaultdict" else 0)
            return name in _MUTABLE and not filled
    return False


def _is_container(module: Module, names: NameResolver, value: ast.expr) -> bool:
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.Call(func=function):
            return names.resolve(module, function) in _MUTABLE
    return False


def _changed_in_place(module: Module, names: NameResolver) -> Iterator[str]:
    """Yield the full name of each module's name that some function of this module changes in place."""
    for node in module.nodes:
        target: ast.expr | None = None
        match node:
            case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()):
                target = value
            case ast.Call(func=ast.Attribute(value=value, attr=attribute)) if attribute in _MUTATORS:
                target = value
            case ast.AugAssign(target=ast.Name() as value):
                target = value
        if target is not None:
            name = names.resolve(module, target)
            if name is not None:
                yield name if "." in name else f"{module.name}.{name}"


def _assignments(module: Module) -> Iterator[Finding]:
    """Yield a finding for each attribute of an object that a function of `domain/` changes in place."""
    for function in module.nodes:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or function.name in _BUILDERS:
            continue
        for node in own_nodes(function):
            changed = _changed(node)
            if changed:
                yield Finding(
                    location(module, node),
                    "state-assigned",
                    f"{function.name} changes {changed} in place, but a change of an object of domain/ returns a new one.",
                    "Return `dataclasses.replace(self, ...)`.",
                )


def _changed(node: ast.AST) -> str:
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            return ast.unparse(node)
        case ast.Subscript(value=ast.Attribute() as owner, ctx=ast.Store() | ast.Del()):
            return ast.unparse(owner)
        case ast.Call(func=ast.Attribute(value=ast.Attribute() as owner, attr=attribute)) if (
            attribute in _MUTATORS
        ):
            return ast.unparse(owner) if ast.unparse(owner).startswith("self.") else ""
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_]):
            return ast.unparse(owner)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="object"), attr="__setattr__" | "__delattr__"),
            args=[owner, *_],
        ):
            return ast.unparse(owner)
    return ""
