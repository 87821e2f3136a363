"""Effects that the core must not have: what `domain/` and `application/` may use of the standard library.

An import is allowed by module, and a name of a mixed module by name: `datetime` is pure, `datetime.now` reads a clock.
A reference counts, not only a call: `default_factory=datetime.now` reads the clock as well, only later.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from aether_tools.check.imports import IMPORTERS, imports_of, layer_of, literal_import, location
from aether_tools.check.source import Module, NameResolver, dotted
from aether_tools.finding import Finding

_PURE: Final = frozenset(
    {
        "__future__", "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "collections",
        "colorsys", "copy", "csv", "dataclasses", "difflib", "enum", "fnmatch", "fractions", "functools", "graphlib",
        "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "json", "keyword", "math", "numbers", "operator",
        "quopri", "re", "reprlib", "shlex", "statistics", "string", "stringprep", "struct", "textwrap", "tomllib",
        "types", "typing", "unicodedata", "urllib.parse", "weakref", "zlib",
    }
)  # fmt: skip
"""Modules that only compute: every name in them may be used."""

_PURE_EXCEPT: Final[Mapping[str, frozenset[str]]] = {
    "builtins": frozenset(
        {
            "SystemExit", "__import__", "__loader__", "__spec__", "__builtins__", "breakpoint", "compile", "eval", "exec", "exit",
            "globals", "help", "input", "open", "print", "quit",
        }
    ),
    "contextlib": frozenset({"chdir", "redirect_stderr", "redirect_stdout"}),
    "datetime": frozenset({"datetime.now", "datetime.today", "datetime.utcnow", "date.today"}),
    "decimal": frozenset({"getcontext", "setcontext"}),
}  # fmt: skip
"""Modules of which every name may be used except these."""

_PURE_ONLY: Final[Mapping[str, frozenset[str]]] = {
    "codecs": frozenset({"BOM_UTF8", "decode", "encode"}),
    "io": frozenset({"BytesIO", "StringIO"}),
    "pathlib": frozenset({"PurePath", "PurePosixPath", "PureWindowsPath"}),
    "secrets": frozenset({"compare_digest"}),
    "sys": frozenset({"float_info", "intern", "int_info", "maxsize", "maxunicode", "version_info"}),
    "uuid": frozenset(
        {"NAMESPACE_DNS", "NAMESPACE_OID", "NAMESPACE_URL", "NAMESPACE_X500", "UUID", "uuid3", "uuid5"}
    ),
    "zoneinfo": frozenset({"ZoneInfo", "ZoneInfoNotFoundError"}),
}
"""Modules of which only these names may be used. A time zone is data, wherever Python reads it from."""

_APPLICATION_ONLY: Final[Mapping[str, frozenset[str]]] = {
    "logging": frozenset({"DEBUG", "ERROR", "INFO", "WARNING", "Logger", "LoggerAdapter", "getLogger"}),
    "threading": frozenset({"Condition", "Lock", "RLock"}),
}
"""What `application/` may use besides: many threads call one use case, so it may guard what it remembers."""

_EFFECTS: Final = {
    "reads a clock": "time sched timeit",
    "makes random numbers": "random secrets uuid",
    "reads or writes files": "io codecs pathlib os.path shutil tempfile glob fileinput fcntl filecmp linecache mmap "
    "zipfile tarfile gzip bz2 lzma dbm shelve sqlite3 configparser importlib.resources importlib.metadata",
    "opens connections": "socket socketserver ssl http urllib ftplib smtplib poplib imaplib telnetlib nntplib xmlrpc "
    "select selectors asyncore asynchat webbrowser",
    "starts threads or processes": "threading _thread concurrent multiprocessing subprocess queue asyncio signal pty",
    "reads the environment": "os posix nt sys platform getpass pwd grp locale gettext site sysconfig resource",
    "writes output": "logging pprint syslog warnings curses cmd readline",
    "has state that nobody passes": "contextvars atexit gc decimal",
    "runs code that is known only at run time": "pickle marshal code codeop ctypes inspect",
}
_WHAT_IT_DOES: Final = {module: effect for effect, modules in _EFFECTS.items() for module in modules.split()}
_WHAT_A_NAME_DOES: Final = {
    "builtins.SystemExit": "ends the process",
    "builtins.open": "reads or writes files",
    "builtins.print": "writes output",
    "builtins.input": "reads input",
    "builtins.breakpoint": "stops the process",
    "builtins.exit": "ends the process",
    "builtins.quit": "ends the process",
    "builtins.help": "writes output",
    "builtins.globals": "reaches every name of the module",
    "contextlib.chdir": "changes the process's folder",
    "contextlib.redirect_stdout": "changes the process's output",
    "contextlib.redirect_stderr": "changes the process's output",
    "sys.exit": "ends the process",
    "sys.stderr": "writes output",
    "sys.stdin": "reads input",
    "sys.stdout": "writes output",
}
_FIXES: Final = {
    "reads a clock": "Take the time as an argument, such as `now: datetime`; a use case asks its Clock port.",
    "makes random numbers": "Take the value as an argument; a use case asks a port, such as Ids.",
    "reads the environment": "Add a setting to settings.py, and take its value as a constructor argument.",
    "has state that nobody passes": "Pass the value as an argument.",
}
_DEFAULT_FIX: Final = "Move it to adapters/, behind a port in application/ports.py."
_DYNAMIC: Final = frozenset(
    {"__builtins__", "__import__", "__loader__", "__spec__", "compile", "eval", "exec"}
)
_BUILTINS: Final = frozenset({*vars(builtins), "__builtins__"})
_LOADERS: Final = frozenset({"importlib", "pkgutil", "runpy", "zipimport", "imp"})
"""Modules that import others. Importing one is harmless; each use of it is judged by what it imports."""
_IMPORT_TABLES: Final = frozenset({"sys.meta_path", "sys.modules", "sys.path", "sys.path_hooks"})
_CLOCK_METHODS: Final = frozenset({"now", "today", "utcnow"})
_STANDARD: Final = frozenset({*sys.stdlib_module_names, "builtins"})
_KIT_EFFECTS: Final = {
    "aether_adapters.kernel.clock": "reads a clock",
    "aether_adapters.kernel.files": "reads or writes files",
    "aether_adapters.kernel.work_pool": "starts threads or processes",
}
_KNOWN: Final = frozenset(
    {*_PURE, *_PURE_EXCEPT, *_PURE_ONLY, *_APPLICATION_ONLY, *_WHAT_IT_DOES, *_KIT_EFFECTS, *_LOADERS}
)


def check_effects(workspace: str, modules: Iterable[Module], names: NameResolver) -> Iterator[Finding]:
    """Yield a finding for each effect in `domain/` and `application/`: once where it is imported, or where it is used.

    A workspace may have the name of a standard module; its contracts are not that module.
    """
    for module in modules:
        layer = layer_of(module)
        if layer in {"domain/", "application/"}:
            yield from _Effects(module, names, layer, _STANDARD - {workspace}).findings()


class _Effects(ast.NodeVisitor):
    def __init__(self, module: Module, names: NameResolver, layer: str, standard: Collection[str]) -> None:
        self._module = module
        self._names = names
        self._layer = layer
        self._standard = standard
        self._found: list[Finding] = []
        self._imported: set[str] = set()
        """Names that are reported where they are imported, so not again where they are used."""
        self._local: list[set[str]] = []
        """Names that the functions around the current node bind, the innermost last."""
        self._bases = _date_classes(module, names)

    def findings(self) -> list[Finding]:
        """Return the findings of the module."""
        for node, name in imports_of(self._module, self._names):
            if name is not None:
                self._check_import(node, name)
        self.visit(self._module.tree)
        return self._found

    def _check_import(self, node: ast.AST, name: str) -> None:
        mixed = {*_PURE_EXCEPT, *_PURE_ONLY, *(_APPLICATION_ONLY if self._layer == "application/" else ())}
        if isinstance(node, ast.ImportFrom):
            if name in mixed:  # a star
                reason = f"{self._layer} imports every name of {name}, and some have an effect"
                self._add(node, "effect-import", reason, fix="Import by name what it needs.")
                return
        elif name in mixed:
            return  # `import datetime` has no effect, `datetime.datetime.now` has
        if _split(name)[0] in _LOADERS:
            return
        effect = self._effect(name)
        if effect:
            self._imported.add(name)
            self._add(node, "effect-import", f"{self._layer} imports {name}, which {effect}", effect)

    def _effect(self, name: str) -> str:
        """Return what a dotted name does that the layer must not do, as the end of a sentence. Empty if nothing."""
        module, rest = _split(name)
        top = rest.partition(".")[0]
        if module in _KIT_EFFECTS:
            return _KIT_EFFECTS[module]
        if module.partition(".")[0] not in self._standard:
            return ""
        if self._layer == "application/" and top in _APPLICATION_ONLY.get(module, ()):
            return ""
        if module in _PURE or top in _PURE_ONLY.get(module, ()):
            return ""
        if module in _PURE_EXCEPT and not _starts_with(rest, _PURE_EXCEPT[module]):
            return ""
        by_name = _WHAT_A_NAME_DOES.get(f"{module}.{top}") or _WHAT_IT_DOES.get(module)
        return (
            by_name
            or _WHAT_IT_DOES.get(module.partition(".")[0])
            or "is not in the pure part of the standard library"
        )

    # Scopes: a parameter called `open` or `time` is not the builtin or the module.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outer in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(outer)
        for annotated in _annotations(node):
            self.visit(annotated)
        self._local.append(_bound(node))
        for statement in node.body:
            self.visit(statement)
        self._local.pop()

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for outer in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(outer)
        self._local.append(_bound(node))
        self.visit(node.body)
        self._local.pop()

    def visit_Call(self, node: ast.Call) -> None:
        called = self._meant(node.func)
        if called in IMPORTERS and literal_import(self._module, node) is not None:
            arguments: list[ast.AST] = [*node.args, *node.keywords]
        elif called == "builtins.getattr" and len(node.args) > 1:
            owner = self._meant(node.args[0])
            if owner is not None:
                self._check_attribute(node, owner, node.args[1])
            arguments = [*(node.args if owner is None else node.args[1:]), *node.keywords]
        else:
            arguments = [node.func, *node.args, *node.keywords]
        for argument in arguments:
            self.visit(argument)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """See through `datetime.__dict__["now"]` and `vars(time)["time"]`."""
        match node.value:
            case (
                ast.Attribute(value=owner, attr="__dict__") | ast.Call(func=ast.Name(id="vars"), args=[owner])
            ):
                meant = self._meant(owner)
            case _:
                meant = None
        if meant is None:
            self.generic_visit(node)
        else:
            self._check_attribute(node, meant, node.slice)

    def _check_attribute(self, node: ast.expr, owner: str, attribute: ast.expr) -> None:
        """Check a name that is taken from `owner` by its text, as `getattr` does."""
        module = _split(owner)[0]
        if module.partition(".")[0] not in self._standard:
            return
        if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
            self._check_name(node, f"{owner}.{attribute.value}")
        elif module not in _PURE:
            reason = f"{self._layer} takes a name from {owner.removeprefix('builtins.')} that is known only at run time"
            self._add(node, "import-dynamic", reason, fix="Write the name.")

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._check_name(node, self._meant(node))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if dotted(node) is None:
            self._check_class_of_a_value(node)
            self.generic_visit(node)
        elif isinstance(node.ctx, ast.Load):
            self._check_name(node, self._meant(node))

    def _check_class_of_a_value(self, node: ast.Attribute) -> None:
        """See through `type(moment).now`."""
        if node.attr in _CLOCK_METHODS:
            match node.value:
                case ast.Call(func=ast.Name(id="type"), args=[_]):
                    reason = f"{self._layer} uses {ast.unparse(node)}, which reads a clock"
                    self._add(node, "effect-use", reason, "reads a clock")

    def _check_name(self, node: ast.AST, name: str | None) -> None:
        if name is None or _starts_with(name, self._imported):
            return
        module, rest = _split(name)
        if not rest:
            return
        shown = name.removeprefix("builtins.")
        if (
            module in _LOADERS
            or _starts_with(name, _IMPORT_TABLES)
            or (module == "builtins" and rest in _DYNAMIC)
        ):
            reason = f"{self._layer} uses {shown}, which runs code that is known only at run time"
            fix = "Import it by name, or take it as a constructor argument."
            self._add(node, "import-dynamic", reason, fix=fix)
            return
        effect = self._effect(name)
        if effect:
            self._add(node, "effect-use", f"{self._layer} uses {shown}, which {effect}", effect)

    def _meant(self, expression: ast.expr) -> str | None:
        """Return the dotted name that an expression means, if it was imported or is a builtin. None otherwise."""
        name = dotted(expression)
        if name is None:
            return None
        first = name.partition(".")[0]
        if any(first in bound for bound in self._local):
            return None
        if first in self._module.names:
            found = self._names.resolve(self._module, expression)
            return self._inherited(found) if found is not None else None
        return f"builtins.{name}" if first in _BUILTINS else None

    def _inherited(self, name: str) -> str:
        """Return the standard name behind an attribute of a class whose base is a standard one."""
        for own, base in self._bases.items():
            if name.startswith(f"{own}."):
                return f"{base}{name.removeprefix(own)}"
        return name

    def _add(self, node: ast.AST, code: str, reason: str, effect: str = "", *, fix: str = "") -> None:
        self._found.append(
            Finding(location(self._module, node), code, f"{reason}.", fix or _FIXES.get(effect, _DEFAULT_FIX))
        )


def _date_classes(module: Module, names: NameResolver) -> dict[str, str]:
    """Return the base of each class that is a `date` or `datetime`, such as `class Day(date)`."""
    found = {}
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                name = names.resolve(module, base)
                if name is not None and name.startswith("datetime."):
                    found[f"{module.name}.{node.name}"] = name
    return found


def _split(name: str) -> tuple[str, str]:
    """Split a dotted name into the longest known module that it starts with, and the rest."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        if module in _KNOWN:
            return module, ".".join(parts[length:])
    return parts[0], ".".join(parts[1:])


def _starts_with(name: str, prefixes: Collection[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    every = (
        *node.args.posonlyargs,
        *node.args.args,
        *node.args.kwonlyargs,
        node.args.vararg,
        node.args.kwarg,
    )
    for argument in every:
        if argument is not None and argument.annotation is not None:
            yield argument.annotation
    if node.returns is not None:
        yield node.returns


def _bound(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Return the names that a function binds itself: its parameters and what it assigns."""
    arguments = function.args
    every = (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    )
    names = {argument.arg for argument in every if argument is not None}
    if not isinstance(function, ast.Lambda):
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.FunctionDef) and node is not function:
                names.add(node.name)
    return names
