"""Fingerprint of a workspace: detects within milliseconds whether anything has changed since the last compilation.

It holds one digest of all inputs of the compiler, and one of each generated file. It hashes contents and ignores
modification times, so it detects a checkout, a rebase, or an edit within one clock tick.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aether_tools.compiler.contract_files import GENERATED, contract_paths, visible_files

_CONTRACTS: Final = (".proto", ".yaml", ".yml", ".json")
_DIGEST_BYTES: Final = 16
_FILE: Final = ".aether/generate.json"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hex digests: one of all `inputs`, and one of each of the `outputs` by path relative to the workspace."""

    inputs: str
    outputs: dict[str, str]

    @classmethod
    def current(cls, root: Path) -> Fingerprint:
        """Compute the fingerprint of the workspace as it is now."""
        return cls(_inputs(root), _outputs(root))

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


def _inputs(root: Path) -> str:
    """Return one digest of the contracts, the workspace's settings and the compiler itself."""
    total = blake2b(digest_size=_DIGEST_BYTES)
    compiler = Path(__file__).parents[1]
    kit = _folder("aether_adapters") / "contract"
    protoc = _folder("grpc_tools") / "grpc_version.py"
    files = [root / "pyproject.toml", protoc, *visible_files(compiler), *visible_files(kit)]
    for folder in ("proto", "openapi"):
        files += (file for file in contract_paths(root, folder) if file.suffix in _CONTRACTS)
    for file in files:
        if file.suffix != ".pyc":
            total.update(f"{file}\0{_digest(file)}\n".encode())
    return total.hexdigest()


def _folder(package: str) -> Path:
    """Return the folder of an installed package without importing it. Raises `ModuleNotFoundError`."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; aether-tools depends on it.")
    return Path(spec.origin).parent


def _digest(file: Path) -> str:
    try:
        return blake2b(file.read_bytes(), digest_size=_DIGEST_BYTES).hexdigest()
    except FileNotFoundError:
        return ""
