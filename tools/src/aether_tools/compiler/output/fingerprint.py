"""Fingerprint of a workspace: detects within milliseconds whether anything has changed since the last compilation.

It holds one digest of all inputs of the compiler, and one of each generated file. It hashes contents and ignores
modification times, so it detects a checkout, a rebase, or an edit within one clock tick.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from stat import S_ISREG
from typing import Final

from aether_tools.compiler.contract_files import GENERATED, contract_paths, visible_files

_CONTRACTS: Final = (".proto", ".yaml", ".yml", ".json")
_DIGEST_BYTES: Final = 16
_FILE: Final = ".aether/generate.json"
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
"""Opens a named pipe without waiting for its writer."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hex digests: one of all `inputs`, and one of each of the `outputs` by path relative to the workspace."""

    inputs: str
    outputs: dict[str, str]

    @classmethod
    def current(cls, root: Path) -> Fingerprint:
        """Compute the fingerprint of the workspace as it is now."""
        return cls(input_digest(root), _outputs(root))

    def with_outputs(self, root: Path) -> Fingerprint:
        """Return the same inputs with the digests of the current outputs.

        Keep the inputs from before the compilation, so that a contract saved during it is compiled next time.
        """
        return Fingerprint(self.inputs, _outputs(root))

    @classmethod
    def load(cls, root: Path) -> Fingerprint | None:
        """Load the fingerprint that the last run saved. None if it is missing or damaged."""
        try:
            known = json.loads((root / _FILE).read_bytes())
            return cls(known["inputs"], known["outputs"])
        except (OSError, ValueError, KeyError, TypeError):
            # A missing or damaged fingerprint only causes one compilation.
            return None

    def save(self, root: Path) -> None:
        """Save the fingerprint for the next run."""
        file = root / _FILE
        file.parent.mkdir(exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"inputs": self.inputs, "outputs": self.outputs}), encoding="utf-8")
        fresh.replace(file)


def generated(root: Path) -> Iterator[str]:
    """Yield all files in the compiler's folders, relative to the workspace, except Python's caches."""
    for folder in GENERATED:
        for path in visible_files(root / folder):
            yield path.relative_to(root).as_posix()


def _outputs(root: Path) -> dict[str, str]:
    return {path: _digest(root / path) for path in generated(root)}


def input_digest(root: Path) -> str:
    """Return one digest of the contracts, the workspace's settings and the compiler itself."""
    total = _hash()
    compiler = Path(__file__).parents[1]
    kit = _folder("aether_adapters") / "contract"
    protoc = _folder("grpc_tools") / "grpc_version.py"
    files = [root / "pyproject.toml", protoc, *visible_files(compiler), *visible_files(kit)]
    for folder in ("proto", "openapi"):
        files += (file for file in contract_paths(root, folder) if file.suffix in _CONTRACTS)
    for file in files:
        if file.suffix != ".pyc":
            total.update(os.fsencode(f"{file}\0{_digest(file)}\n"))
    return total.hexdigest()


def _folder(package: str) -> Path:
    """Return the folder of an installed package without importing it. Raises `ModuleNotFoundError`."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; aether-tools depends on it.")
    return Path(spec.origin).parent


def _digest(file: Path) -> str:
    """Return the digest of a regular file. Anything else has its error as digest; reading it may never end."""
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | _NONBLOCK), "rb") as opened:
            if not S_ISREG(os.fstat(opened.fileno()).st_mode):
                return "not a regular file"
            return hashlib.file_digest(opened, _hash).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"error {error.errno}"


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_DIGEST_BYTES)
