"""A workspace on disk: its root, its name, its domains and its settings in pyproject.toml."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aether_tools.console import UsageError

ISSUER: Final = "aether-development"
"""Issuer of the tokens of `aether token`, which services of `aether run` trust. The audience is the workspace name."""
PRIVATE_KEY: Final = "private.pem"
"""File name of the signing key of `DevelopmentKeys`, for users and for services."""


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of a workspace; `package` is its import name, such as acme_billing."""

    name: str
    folder: Path
    package: str

    @property
    def source(self) -> Path:
        """The folder of the domain's package."""
        return self.folder / "src" / self.package

    @property
    def prefix(self) -> str:
        """Prefix of the domain's environment variables, such as BILLING_."""
        return f"{self.name.upper()}_"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace. `key_sets` maps each domain that signs in users to the URL path of its key set."""

    root: Path
    name: str
    key_sets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """Return the workspace at or above `start`. Raises `UsageError` if there is none or its settings are invalid."""
        for folder in (start, *start.parents):
            settings = _settings(folder / "pyproject.toml")
            if settings is None or settings.keys() == {"development"}:  # no such table, or that of a domain
                continue
            name = settings.get("name")
            if not isinstance(name, str) or not name.isidentifier():
                raise UsageError(
                    f'{folder / "pyproject.toml"}: name in [tool.aether] must be an identifier, such as name = "acme".'
                )
            key_sets = settings.get("key_sets", {})
            if not isinstance(key_sets, dict) or not all(
                isinstance(path, str) and path.startswith("/") for path in key_sets.values()
            ):
                raise UsageError(
                    f"{folder / 'pyproject.toml'}: key_sets in [tool.aether] must map domains to URL paths, such as "
                    'key_sets = { user = "/v1/.well-known/jwks.json" }.'
                )
            return cls(folder, name, key_sets)
        raise UsageError(
            f"no workspace at or above {start}: change to one, or create one with `aether new --workspace NAME`."
        )

    @property
    def python(self) -> Path:
        """Python that runs this workspace's code: that of its .venv, or else the one that runs aether."""
        own = self.root / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        return own if own.exists() else Path(sys.executable)

    @property
    def keys(self) -> Path:
        """Folder of the key pair that signs development tokens."""
        return self.state / "keys"

    @property
    def state(self) -> Path:
        """Folder of aether's own files, such as keys and data of embedded servers. Excluded from version control."""
        return self.root / ".aether"

    def domain(self, name: str) -> Domain:
        """Return the domain with a name, whether it exists or not."""
        return Domain(name, self.root / "domains" / name, f"{self.name}_{name}")

    def domains(self) -> tuple[Domain, ...]:
        """Return all domains, sorted by name: the folders that match domains/*/pyproject.toml."""
        return tuple(
            self.domain(path.parent.name) for path in sorted(self.root.glob("domains/*/pyproject.toml"))
        )

    def chosen(self, names: tuple[str, ...]) -> tuple[Domain, ...]:
        """Return the domains with these names, each once, or all if `names` is empty.

        Raises `UsageError` for an unknown name.
        """
        existing = {domain.name: domain for domain in self.domains()}
        unknown = [name for name in names if name not in existing]
        if unknown:
            raise UsageError(
                f"no domain named {', '.join(unknown)} in this workspace (domains: {', '.join(existing) or 'none'}); "
                f"create it with `aether new {unknown[0]}`."
            )
        return tuple(existing[name] for name in dict.fromkeys(names)) if names else tuple(existing.values())

    def relative(self, path: Path) -> str:
        """Return a path as used in findings: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def _settings(file: Path) -> dict[str, object] | None:
    """Return the [tool.aether] table of a file. None if the file or the table does not exist."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}. Correct it and try again.") from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}.") from error
    table = document.get("tool", {}).get("aether")
    return table if isinstance(table, dict) else None
