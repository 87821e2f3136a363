"""What a domain needs on a developer's machine and brings by itself in a deployment: settings, and companions.

It stands in the domain's own pyproject.toml:

    [tool.aether.development.settings]
    BILLING_MAIL_SECRET = "for development only"

    [tool.aether.development.companions.mailbox]
    command = "python -m acme_billing.adapters.mailbox --port {port}"
    port = 8025
    settings = { BILLING_MAIL_URL = "{url}" }
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aether_tools.console import UsageError
from aether_tools.runner.ports import HOST
from aether_tools.workspace import Domain

_EXAMPLE: Final = (
    'command = "python -m acme_billing.adapters.mailbox --port {port}", port = 8025 and '
    'settings = { BILLING_MAIL_URL = "{url}" }'
)


@dataclass(frozen=True, slots=True)
class Companion:
    """A process that `aether run` starts beside its domain, such as one that stands in for somebody else's service.

    It listens on `port` of 127.0.0.1, or on another where that is taken; `command` and `settings`, which tell the
    domain where, hold `{port}` or `{url}` in its place.
    """

    name: str
    command: tuple[str, ...]
    port: int
    settings: Mapping[str, str]

    def words(self, port: int) -> tuple[str, ...]:
        """The command line that makes it listen on `port`."""
        return tuple(_placed(word, port) for word in self.command)

    def told(self, port: int) -> dict[str, str]:
        """The settings of a domain whose companion listens on `port`."""
        return {name: _placed(value, port) for name, value in self.settings.items()}


@dataclass(frozen=True, slots=True)
class Development:
    """`settings` are the full names of variables; what a person has set in the environment goes before them."""

    settings: Mapping[str, str]
    companions: tuple[Companion, ...]

    def told(self, port: int) -> dict[str, str]:
        """All settings, as if each companion listened on `port`."""
        return dict(self.settings) | {
            name: value for companion in self.companions for name, value in companion.told(port).items()
        }


def development(domain: Domain) -> Development:
    """What the domain declares; raises `UsageError` where it cannot be understood."""
    file = domain.folder / "pyproject.toml"
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read as TOML: {error}. Mend it and try again.") from error
    table = document.get("tool", {}).get("aether", {}).get("development", {})
    return Development(_texts(file, "settings", table), tuple(_companions(file, table)))


def _companions(file: Path, table: Mapping[str, Any]) -> Iterator[Companion]:
    declared = table.get("companions", {})
    for name, given in declared.items() if isinstance(declared, dict) else [("companions", declared)]:
        match given:
            case {"command": str(command), "port": int(port), **more} if 0 < port < 65536 and command.split():
                settings = _texts(file, f"companions.{name}.settings", more)
                yield Companion(name, tuple(shlex.split(command)), port, settings)
            case _:
                raise UsageError(f"{file}: a companion in [tool.aether.development] needs {_EXAMPLE}.")


def _placed(text: str, port: int) -> str:
    return text.replace("{url}", f"http://{HOST}:{port}").replace("{port}", str(port))


def _texts(file: Path, where: str, table: Mapping[Any, Any]) -> dict[str, str]:
    given = table.get("settings", {})
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise UsageError(f"{file}: [tool.aether.development] {where} gives each variable a text.")
    return dict(given)
