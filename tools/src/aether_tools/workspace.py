"""A workspace on disk: where it is, what it is called, which domains stand in it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aether_tools.console import UsageError

ISSUER: Final = "aether-development"
"""The issuer that `aether token` names and `aether run` makes services trust; their audience is the workspace."""
PRIVATE_KEY: Final = "private.pem"
"""What `DevelopmentKeys` calls the key that signs, for people and for services."""


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of a workspace; `package` is its import name, such as acme_billing."""

    name: str
    folder: Path
    package: str

    @property
    def source(self) -> Path:
        """The folder of its package."""
        return self.folder / "src" / self.package

    @property
    def prefix(self) -> str:
        """What the names of its environment variables begin with."""
        return f"{self.name.upper()}_"


@dataclass(frozen=True, slots=True)
class Workspace:
    """`key_sets` says which domains sign in users: their names, and the paths at which they publish their keys."""

    root: Path
    name: str
    key_sets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """The workspace that `start` lies in; raises `UsageError` where there is none."""
        for folder in (start, *start.parents):
            settings = _settings(folder / "pyproject.toml")
            if settings is None or settings.keys() == {"development"}:  # no such table, or a domain's
                continue
            name = settings.get("name")
            if not isinstance(name, str) or not name.isidentifier():
                raise UsageError(
                    f'{folder / "pyproject.toml"}: [tool.aether] needs a name that is an identifier, such as name = "acme".'
                )
            key_sets = settings.get("key_sets", {})
            if not isinstance(key_sets, dict) or not all(
                isinstance(path, str) and path.startswith("/") for path in key_sets.values()
            ):
                raise UsageError(
                    f"{folder / 'pyproject.toml'}: key_sets in [tool.aether] names domains and paths, such as "
                    'key_sets = { user = "/v1/.well-known/jwks.json" }.'
                )
            return cls(folder, name, key_sets)
        raise UsageError(
            f"no workspace at or above {start}: go into one, or make one with `aether new --workspace NAME`."
        )

    @property
    def python(self) -> Path:
        """The Python that runs this workspace's code: that of its .venv, else the one that runs aether."""
        own = self.root / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        return own if own.exists() else Path(sys.executable)

    @property
    def keys(self) -> Path:
        """Where the key pair is that signs development tokens."""
        return self.state / "keys"

    @property
    def state(self) -> Path:
        """What aether keeps here between commands: keys, data of embedded servers. Never under version control."""
        return self.root / ".aether"

    def domain(self, name: str) -> Domain:
        """The domain of that name, whether it stands or not."""
        return Domain(name, self.root / "domains" / name, f"{self.name}_{name}")

    def domains(self) -> tuple[Domain, ...]:
        """Every domain, in the order of their names; nothing lists them but domains/*/pyproject.toml."""
        return tuple(
            self.domain(path.parent.name) for path in sorted(self.root.glob("domains/*/pyproject.toml"))
        )

    def chosen(self, names: tuple[str, ...]) -> tuple[Domain, ...]:
        """The domains called `names`, each once, or all where none is named; raises `UsageError` for a stranger."""
        standing = {domain.name: domain for domain in self.domains()}
        strangers = [name for name in names if name not in standing]
        if strangers:
            have = ", ".join(standing) or "none yet"
            raise UsageError(
                f"no domain is called {', '.join(strangers)} here (there is: {have}); `aether new {strangers[0]}` makes one."
            )
        return tuple(standing[name] for name in dict.fromkeys(names)) if names else tuple(standing.values())

    def relative(self, path: Path) -> str:
        """`path` as findings name it: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def _settings(file: Path) -> dict[str, object] | None:
    """The [tool.aether] table of `file`; None where there is no such file or table."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as TOML: {error}. Mend it and try again.") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    table = document.get("tool", {}).get("aether")
    return table if isinstance(table, dict) else None
