"""Digests of everything that decides a finding: files, environment, installed packages, the checks themselves.

Contents are hashed, not times, so that a checkout, a rebase or an edit within one clock tick is noticed.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from stat import S_ISREG
from typing import Final

from aether_tools.workspace import Domain, Workspace

_DIGEST_BYTES: Final = 16
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
"""Opens a named pipe without waiting for its writer."""
_SKIPPED: Final = frozenset(
    {".git", ".venv", ".aether", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", "node_modules"}
)
_KITS: Final = ("adapters/src", "tools/src")
"""The sources of the kits, in a workspace that has them as members."""
_PASSING: Final = re.compile(
    r"_|PWD|OLDPWD|SHLVL|COLUMNS|LINES|TERM\w*|COLORTERM|NO_COLOR|SSH_\w+|DISPLAY|XDG_\w+|DBUS_\w+|WINDOWID|PS1|LS_COLORS|"
    r"GITHUB_\w+|RUNNER_\w+|ACTIONS_\w+|PYTEST_\w+|MAKE\w*|MFLAGS|AETHER_DEBUG|HOSTNAME|INVOCATION_ID|JOURNAL_STREAM"
)
"""Variables that differ from shell to shell and decide nothing."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one check of a workspace, as digests. Reads each file once, when it is first asked for."""

    workspace: Workspace

    def of(self, section: str) -> str:
        """Return the digest of a section of the cache. Empty if it is about a domain that does not exist."""
        kind, _, names = section.partition(":")
        existing = {domain.name: domain for domain in self.workspace.domains()}
        domains = [existing[name] for name in names.split(",") if name in existing]
        if names and len(domains) <= names.count(","):
            return ""
        match kind:
            case "contracts":
                return self.contracts
            case "kits":
                return self.kits
            case "files":
                return self.files(domains[0])
            case "process":
                return self.process(domains[0])
            case "packages":
                return _combined(self.files(domains[0]), self.packages)
            case _:
                return _combined(*map(self.files, domains))

    @cached_property
    def contracts(self) -> str:
        """Digest of what the compiler reads and writes, and of the tools themselves."""
        root = self.workspace.root
        return _combined(self.tools, _digest(root / "pyproject.toml"), _tree(root, _contract_files(root)))

    @cached_property
    def kits(self) -> str:
        """Digest of the kits that are members of the workspace, and of the names of its domains."""
        root = self.workspace.root
        return _combined(self.tools, self.names, self.workspace.name, _tree(root, self._kit_files()))

    def _kit_files(self) -> Iterator[Path]:
        return (file for folder in _KITS for file in _files(self.workspace.root / folder))

    @cached_property
    def names(self) -> str:
        """The names of the domains, with spaces between."""
        return " ".join(domain.name for domain in self.workspace.domains())

    @cached_property
    def shared(self) -> str:
        """Digest of what the findings of every domain depend on."""
        root = self.workspace.root
        files = (*_contract_files(root), *self._kit_files())
        return _combined(self.tools, self.names, _digest(root / "pyproject.toml"), _tree(root, files))

    def files(self, domain: Domain) -> str:
        """Return the digest of what the checks that only read files depend on, for one domain."""
        return _combined(self.shared, domain.name, self._own(domain))

    def process(self, domain: Domain) -> str:
        """Return the digest of what a process that builds the domain's container depends on."""
        own = [self._own(self.workspace.domain(name)) for name in self._reachable(domain)]
        return _combined(self.shared, self.environment, domain.name, *own)

    def _reachable(self, domain: Domain) -> list[str]:
        """Return the domain, and those whose packages it names, directly or through one of them."""
        found, waiting = [domain.name], [domain.name]
        while waiting:
            for name in sorted(self._named(waiting.pop())):
                if name not in found:
                    found.append(name)
                    waiting.append(name)
        return found

    def _named(self, name: str) -> set[str]:
        self._own(self.workspace.domain(name))
        return self._names_in[name]

    def _own(self, domain: Domain) -> str:
        if domain.name not in self._domains:
            names: set[str] = set()
            wanted = re.compile(rf"\b{re.escape(self.workspace.name)}_([a-z0-9_]+)".encode())
            total = _hash()
            for file in _files(domain.folder):
                content = _content(file)
                if content is not None and file.suffix == ".py":
                    names.update(found.decode() for found in wanted.findall(content))
                total.update(_entry(domain.folder, file, content))
            existing = set(self.names.split())
            # A name may be followed by more: acme_user_admin is a domain, or a module's attribute of acme_user.
            self._names_in[domain.name] = {
                each for each in existing if any(f"{name}_".startswith(f"{each}_") for name in names)
            }
            self._domains[domain.name] = total.hexdigest()
        return self._domains[domain.name]

    @cached_property
    def _domains(self) -> dict[str, str]:
        return {}

    @cached_property
    def _names_in(self) -> dict[str, set[str]]:
        return {}

    @cached_property
    def tools(self) -> str:
        """Digest of the checks and the compiler, the packages that they use, and the Python that runs them."""
        own = [file for name in ("aether_tools", "aether_adapters") for file in _code(_package(name))]
        return _combined(
            str(self.workspace.root),
            sys.version,
            *_installed(Path(sysconfig.get_path("purelib"))),
            _tree(Path(os.sep), own),
        )

    @cached_property
    def environment(self) -> str:
        """Digest of the workspace's Python, its packages, and the variables that a domain could read."""
        return _combined(self.packages, *_variables(os.environ), *self._further_paths())

    @cached_property
    def packages(self) -> str:
        """Digest of the workspace's Python and its packages."""
        python = self.workspace.python
        libraries = sorted(python.parent.parent.glob("lib/python*/site-packages"))
        if python == Path(sys.executable):
            libraries.append(Path(sysconfig.get_path("purelib")))
        packages = [each for library in libraries for each in _installed(library)]
        return _combined(str(python), _digest(python.resolve()), *packages)

    def _further_paths(self) -> Iterator[str]:
        """Yield a digest of the modules in PYTHONPATH that are not in the workspace."""
        for path in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
            folder = self.workspace.root / path
            if not folder.is_relative_to(self.workspace.root):
                yield _tree(folder, _code(folder))


def _variables(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(environment.items()):
        if not _PASSING.fullmatch(name):
            yield f"{name}={value}"


def _installed(library: Path) -> Iterator[str]:
    """Yield what tells the packages in a folder apart: their versions, when they were installed, links to sources."""
    try:
        entries = sorted(library.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix == ".dist-info":
            yield f"{entry.name} {_digest(entry / 'RECORD')} {_digest(entry / 'direct_url.json')}"
        elif entry.suffix in {".pth", ".egg-link"}:
            yield f"{entry.name} {_digest(entry)}"


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed; aether-tools depends on it.")
    return Path(spec.origin).parent


def _code(folder: Path) -> Iterator[Path]:
    return (file for file in _files(folder) if file.suffix in {".py", ".jinja"})


def _contract_files(root: Path) -> Iterator[Path]:
    """Yield contracts and generated code, without hidden folders: a run of the compiler may remove those meanwhile."""
    for name in ("proto", "openapi"):
        yield from _files(root / name, hidden=False)


def _files(folder: Path, *, hidden: bool = True) -> Iterator[Path]:
    """Yield the files below a folder, sorted, also through links, except caches, and hidden folders unless asked for."""
    seen: set[str] = set()
    for current, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED and (hidden or not name.startswith("."))
        )
        yield from (Path(current, name) for name in sorted(files) if not name.endswith(".pyc"))


def _tree(root: Path, files: Iterable[Path]) -> str:
    total = _hash()
    for file in files:
        total.update(_entry(root, file, _content(file)))
    return total.hexdigest()


def _entry(root: Path, file: Path, content: bytes | None) -> bytes:
    """Return a file's name, and its digest or why it has none."""
    digest = (
        b"unreadable" if content is None else hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
    )
    return os.fsencode(os.path.relpath(file, root)) + b"\0" + digest + b"\n"


def _content(file: Path) -> bytes | None:
    """Return the content of a regular file. None for anything else; reading it may never end."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | _NONBLOCK), "rb") as opened:
            return opened.read() if S_ISREG(os.fstat(opened.fileno()).st_mode) else None
    except OSError:
        return None


def _digest(file: Path) -> str:
    content = _content(file)
    return "" if content is None else hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def _combined(*parts: str) -> str:
    total = _hash()
    for part in parts:
        total.update(os.fsencode(part) + b"\0")
    return total.hexdigest()


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)
