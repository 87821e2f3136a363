"""Reads the contracts and migrations of a workspace as they were at a commit, without a checkout.

Blobs are read as git stores them: no filter, hook or attribute of the repository has a say.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_tools import git
from aether_tools.compiler.contract_files import GENERATED
from aether_tools.compiler.contract_text import MAX_OPENAPI_BYTES, MAX_PROTO_BYTES
from aether_tools.console import UsageError
from aether_tools.finding import ContractError, Finding, Location

FOLDERS: Final = ("openapi", "proto")
_SUFFIXES: Final = (".proto", ".yaml", ".yml", ".json")
_MIGRATION: Final = re.compile(r"domains/[^/]+/migrations/versions/[^/]+\.py")
_LINK: Final = "120000"
_FILE: Final = "100"


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file of a commit; `path` is relative to the workspace."""

    path: str
    mode: str
    name: str
    size: int


def write_contracts(root: Path, ref: str, folder: Path) -> None:
    """Write the contracts that a workspace had at `ref` below `folder`, under their paths in the workspace.

    Raises `UsageError` without git, a repository or the commit, and `ContractError` for a file that is too large.
    """
    commit = _commit(root, ref)
    prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    blobs = {blob.path: blob for blob in _blobs(root, commit, prefix, FOLDERS)}
    wanted = {}
    for path, blob in blobs.items():
        target = blob if blob.mode.startswith(_FILE) else _linked(root, blob, blobs)
        if target is not None and path.endswith(_SUFFIXES):
            _refuse_large(ref, path, target)
            wanted[path] = target
    for path, content in zip(wanted, _contents(root, [blob.name for blob in wanted.values()]), strict=True):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def migrations_at(root: Path, ref: str) -> dict[str, bytes]:
    """Return the migrations of all domains at `ref`, by path in the workspace. Raises `UsageError` as `write_contracts`."""
    commit = _commit(root, ref)
    prefix = _git(root, "rev-parse", "--show-prefix").decode().strip()
    blobs = [
        blob
        for blob in _blobs(root, commit, prefix, ("domains",))
        if blob.mode.startswith(_FILE) and _MIGRATION.fullmatch(blob.path)
    ]
    contents = _contents(root, [blob.name for blob in blobs])
    return {blob.path: content for blob, content in zip(blobs, contents, strict=True)}


def _commit(root: Path, ref: str) -> str:
    try:
        return (
            _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
            .decode()
            .strip()
        )
    except git.GitError as error:
        try:
            shallow = _git(root, "rev-parse", "--is-shallow-repository").decode().strip() == "true"
        except git.GitError:
            raise UsageError(
                f"--against needs a git repository, and {root} is in none that git can read: {error.told}"
            ) from error
        hint = (
            "this clone is shallow: fetch the commit first, such as `git fetch --depth=1 origin <branch>`, and name "
            "FETCH_HEAD; or clone with the whole history (fetch-depth: 0)."
            if shallow
            else "name a branch, tag or commit that `git rev-parse` knows, or fetch it first."
        )
        raise UsageError(f"this repository has no commit {ref!r}; {hint}") from error


def _blobs(root: Path, commit: str, prefix: str, folders: Sequence[str]) -> Iterator[_Blob]:
    below = [f"{prefix}{folder}" for folder in folders]
    listed = _git(root, "ls-tree", "-r", "-z", "--long", "--full-tree", commit, "--", *below)
    for entry in listed.split(b"\0"):
        facts, _, raw = entry.partition(b"\t")
        if not raw:
            continue
        mode, kind, name, size = facts.decode().split()
        path = os.fsdecode(raw).removeprefix(prefix)
        hidden = any(
            part.startswith(".") for part in path.split("/")
        )  # also .., which a hostile tree may have
        if kind == "blob" and not hidden and not path.startswith(tuple(f"{each}/" for each in GENERATED)):
            yield _Blob(path, mode, name, int(size))


def _linked(root: Path, link: _Blob, blobs: dict[str, _Blob]) -> _Blob | None:
    """Return what a symbolic link of the commit points to, if that is a contract file too."""
    if link.mode != _LINK:
        return None
    (content,) = _contents(root, [link.name])
    path = posixpath.normpath(posixpath.join(posixpath.dirname(link.path), os.fsdecode(content)))
    target = blobs.get(path)
    return target if target is not None and target.mode.startswith(_FILE) else None


def _refuse_large(ref: str, path: str, blob: _Blob) -> None:
    most = MAX_PROTO_BYTES if path.endswith(".proto") else MAX_OPENAPI_BYTES
    if blob.size > most:
        raise ContractError(
            Finding(
                Location(f"{ref}:{path}", 1, 1),
                "contract-size",
                f"The file has {blob.size:,} bytes; a contract may have {most:,}.",
                "Compare with a commit after which it was split.",
            )
        )


def _contents(root: Path, names: list[str]) -> list[bytes]:
    """Return the contents of blobs. Raises `UsageError` for one that a partial clone does not have."""
    if not names:
        return []
    output = _git(root, "cat-file", "--batch", told="\n".join(names).encode() + b"\n")
    found, start = [], 0
    for name in names:
        end = output.index(b"\n", start)
        facts = output[start:end].split()
        if facts[-1] == b"missing":
            raise UsageError(
                f"this clone does not have the file {name} of that commit: fetch it with `git fetch`."
            )
        size = int(facts[2])
        found.append(output[end + 1 : end + 1 + size])
        start = end + 1 + size + 1
    return found


def _git(root: Path, *arguments: str, told: bytes = b"") -> bytes:
    try:
        return git.run(root, *arguments, told=told)
    except FileNotFoundError as error:
        raise UsageError("git is not installed, which --against needs to read the old contracts.") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"git {arguments[0]} did not answer within {git.TIMEOUT_SECONDS} seconds."
        ) from error
