"""A workspace on disk: its root, its name, its domains and its settings in pyproject.toml."""

from __future__ import annotations

import keyword
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aether_tools.console import UsageError
from aether_tools.finding import visible

ISSUER: Final = "aether-development"
"""Issuer of the tokens of `aether token`, which services of `aether run` trust. The audience is the workspace name."""
_PACKAGE: Final = re.compile(r"[a-z][a-z0-9_]*")
PRIVATE_KEY: Final = "private.pem"
KEY_SET: Final = "jwks.json"
"""File names of the signing key and of the key set of `DevelopmentKeys`."""
_OF_A_DOMAIN: Final = frozenset({"check", "development"})
"""Parts of `[tool.aether]` in the pyproject.toml of a domain, which is no workspace."""


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
            if settings is None or (settings and settings.keys() <= _OF_A_DOMAIN):
                continue
            name = settings.get("name")
            if not isinstance(name, str) or not is_package_name(name):
                raise UsageError(
                    f"{folder / 'pyproject.toml'}: name in [tool.aether] must have lower-case letters, digits and "
                    'underscores only, and start with a letter, such as name = "acme".'
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
        """Folder of the key pair that signs development tokens of users."""
        return self.state / "keys"

    @property
    def service_keys(self) -> Path:
        """Folder of the key pair that signs development tokens of services, which must not sign for users."""
        return self.keys / "services"

    @property
    def jwks(self) -> str:
        """The `<DOMAIN>_JWKS` that trusts development tokens."""
        users, services = (quote(str(folder / KEY_SET)) for folder in (self.keys, self.service_keys))
        return f"{users} {services}#services=*"

    @property
    def state(self) -> Path:
        """Folder of aether's own files, such as keys and data of embedded servers. Excluded from version control."""
        return self.root / ".aether"

    def domain(self, name: str) -> Domain:
        """Return the domain with a name, whether it exists or not."""
        return Domain(name, self.root / "domains" / name, f"{self.name}_{name}")

    def domains(self) -> tuple[Domain, ...]:
        """Return all domains, sorted by name: the folders that match domains/*/pyproject.toml.

        Raises `UsageError` for a folder whose name cannot become that of a package and of environment variables.
        """
        names = [path.parent.name for path in sorted(self.root.glob("domains/*/pyproject.toml"))]
        for name in names:
            if not is_package_name(name):
                raise UsageError(
                    f"domains/{visible(name)} cannot be a domain: rename the folder, with lower-case letters, digits "
                    "and underscores, starting with a letter."
                )
        return tuple(map(self.domain, names))

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


def is_package_name(name: str) -> bool:
    """Return whether a name can be that of a Python package, a proto package and, in capitals, a variable."""
    return _PACKAGE.fullmatch(name) is not None and not keyword.iskeyword(name)


def _settings(file: Path) -> dict[str, object] | None:
    """Return the [tool.aether] table of a file. None if the file or the table does not exist."""
    return toml_table(file, "tool", "aether")


def toml_table(file: Path, *names: str) -> dict[str, Any] | None:
    """Return a table of a TOML file. None if the file or the table does not exist.

    Raises `UsageError` if the file cannot be read or is not valid TOML.
    """
    try:
        if file.exists() and not file.is_file():
            raise UsageError(f"{file} is not a regular file. Remove it and try again.")
        table: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}. Correct it and try again.") from error
    except RecursionError as error:
        raise UsageError(f"{file} is nested too deeply. Correct it and try again.") from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}.") from error
    for name in names:
        table = table.get(name)
        if not isinstance(table, dict):
            return None
    return dict(table)
