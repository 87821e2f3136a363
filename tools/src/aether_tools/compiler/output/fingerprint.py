"""Tells in milliseconds whether anything has changed since the contracts were last compiled.

The stamp holds one digest of everything the output depends on, and one of each generated file. Contents are hashed,
never times compared: a checkout, a rebase or a hand edit within one tick of the clock is seen all the same.
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
_FILE: Final = ".aether/generate.json"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was compiled (`inputs`) and what came out (`outputs`, by path relative to the workspace)."""

    inputs: str
    outputs: dict[str, str]

    @classmethod
    def now(cls, root: Path) -> Fingerprint:
        """How things stand."""
        return cls(_inputs(root), _outputs(root))

    def written(self, root: Path) -> Fingerprint:
        """The same inputs with the outputs that now stand.

        The inputs are those from before the compilation: a contract saved in the meantime is compiled next time.
        """
        return Fingerprint(self.inputs, _outputs(root))

    @classmethod
    def last(cls, root: Path) -> Fingerprint | None:
        """How things stood after the last run; None where nothing trustworthy says so."""
        try:
            known = json.loads((root / _FILE).read_bytes())
            return cls(known["inputs"], known["outputs"])
        except (OSError, ValueError, KeyError, TypeError):
            # A missing or torn stamp costs one compilation, nothing else.
            return None

    def write(self, root: Path) -> None:
        """Keep it, for the next run."""
        file = root / _FILE
        file.parent.mkdir(exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"inputs": self.inputs, "outputs": self.outputs}), encoding="utf-8")
        fresh.replace(file)


def generated(root: Path) -> Iterator[str]:
    """Every file in the compiler's folders, relative to the workspace, but Python's own caches."""
    for folder in GENERATED:
        for path in visible_files(root / folder):
            yield path.relative_to(root).as_posix()


def _outputs(root: Path) -> dict[str, str]:
    return {path: _digest(root / path) for path in generated(root)}


def _inputs(root: Path) -> str:
    """One digest of the contracts, the workspace's settings and the compiler itself."""
    total = blake2b(digest_size=16)
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
    """Where a package is installed, found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; aether-tools depends on it.")
    return Path(spec.origin).parent


def _digest(file: Path) -> str:
    try:
        return blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except FileNotFoundError:
        return ""
