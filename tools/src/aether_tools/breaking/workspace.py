"""Compares all contracts of a workspace with what they were at a commit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from aether_tools.breaking.buf import Tree
from aether_tools.breaking.git import write_contracts
from aether_tools.breaking.library import Library
from aether_tools.breaking.openapi import Pair, compare_pairs
from aether_tools.breaking.proto import compare_trees
from aether_tools.compiler.contract_files import contract_paths
from aether_tools.compiler.contract_text import MAX_PROTO_BYTES, read_contract
from aether_tools.compiler.proto.protoc import options
from aether_tools.finding import Finding

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_SHARED: Final = "common"
"""Name of the OpenAPI file, and of the proto package, that every domain may refer to."""
_KITS: Final = "aether_adapters"


def compare_with(root: Path, ref: str, today: date) -> tuple[Finding, ...]:
    """Return every change of the contracts since `ref`, safe ones too, sorted by place.

    The files in the workspace count, committed or not. Raises `UsageError` without git, the repository or the commit,
    and `ContractError` for contracts that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="aether-against-") as name:
        old = Path(name, "old")
        old.mkdir()
        write_contracts(root, ref, old)
        found = [*_documents(root, old, ref, today), *_protos(root, old, Path(name, "new"), ref)]
    return tuple(sorted(found))


def domain_of(change: Finding, workspace: str) -> str | None:
    """Return the domain whose contract changed. None for shared types, which are part of all."""
    folder, _, rest = change.location.file.rpartition(":")[2].partition("/")
    if folder == "openapi":
        domain = rest.partition(".")[0]
    else:
        domain = rest.removeprefix(f"{workspace}/").partition("/")[0]
    return None if domain == _SHARED else domain


def _documents(root: Path, old: Path, ref: str, today: date) -> tuple[Finding, ...]:
    before, now = _openapi(old), _openapi(root)
    changed = {
        name for name in before.keys() | now.keys() if _content(before.get(name)) != _content(now.get(name))
    }
    if _SHARED in changed:
        changed = {*before, *now}
    pairs = [Pair(before.get(name), now.get(name)) for name in sorted(changed - {_SHARED})]
    return compare_pairs(
        pairs,
        old_library=Library(old, f"{ref}:", closed=True),
        new_library=Library(root, closed=True),
        today=today,
    )


def _openapi(root: Path) -> dict[str, Path]:
    files = (
        path
        for path in (root / "openapi").glob("*")
        if path.suffix in _SUFFIXES and not path.name.startswith(".")
    )
    return {path.stem: path for path in sorted(files)}


def _content(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes().replace(b"\r\n", b"\n")
    except OSError:
        return None  # whoever compares it says why


def _protos(root: Path, old: Path, new: Path, ref: str) -> tuple[Finding, ...]:
    """Compare proto files in two folders of their own, with the kits' options of today in both."""
    _write_protos(root, new)
    before, now = _proto_files(old), _proto_files(new)
    if not before or before == now:
        return ()
    for folder in (old, new):
        shutil.rmtree(folder / "proto" / _KITS, ignore_errors=True)
        for path, content in options().items():
            (folder / "proto" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "proto" / path).write_bytes(content)
    return compare_trees(Tree(old / "proto", f"{ref}:proto"), Tree(new / "proto", "proto"), ignore=[_KITS])


def _write_protos(root: Path, folder: Path) -> None:
    for path in contract_paths(root, "proto"):
        if path.suffix == ".proto" or path.name == "buf.yaml":
            file = folder / path.relative_to(root)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(read_contract(path, root, MAX_PROTO_BYTES), encoding="utf-8")


def _proto_files(root: Path) -> dict[str, bytes | None]:
    return dict(_proto_contents(root / "proto"))


def _proto_contents(folder: Path) -> Iterator[tuple[str, bytes | None]]:
    for path in sorted(folder.rglob("*.proto")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(f"{_KITS}/"):
            yield name, _content(path)
