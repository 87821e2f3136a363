"""Development settings and companion processes that a domain declares for `aether run`.

They are in the domain's pyproject.toml:

    [tool.aether.development.settings]
    BILLING_MAIL_SECRET = "for development only"

    [tool.aether.development.companions.mailbox]
    command = "python -m acme_billing.adapters.mailbox --port {port}"
    port = 8025
    settings = { BILLING_MAIL_URL = "{url}" }
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aether_tools.console import UsageError
from aether_tools.runner.ports import HOST
from aether_tools.workspace import Domain, toml_table

_EXAMPLE: Final = (
    'command = "python -m acme_billing.adapters.mailbox --port {port}", port = 8025 and '
    'settings = { BILLING_MAIL_URL = "{url}" }'
)


@dataclass(frozen=True, slots=True)
class Companion:
    """A process that `aether run` starts with its domain, such as a substitute for an external service.

    It listens on `port` of 127.0.0.1, or on a free port if that one is taken. In `command` and in `settings`, which
    pass the address to the domain, `{port}` and `{url}` are placeholders for the actual one.
    """

    name: str
    command: tuple[str, ...]
    port: int
    settings: Mapping[str, str]

    def arguments(self, port: int) -> tuple[str, ...]:
        """Return the command that makes the companion listen on `port`."""
        return tuple(_with_port(argument, port) for argument in self.command)

    def settings_for(self, port: int) -> dict[str, str]:
        """Return the domain's settings, given that the companion listens on `port`."""
        return {name: _with_port(value, port) for name, value in self.settings.items()}


@dataclass(frozen=True, slots=True)
class Development:
    """Declared settings, by full name of the variable, and companions. The environment overrides the settings."""

    settings: Mapping[str, str]
    companions: tuple[Companion, ...]

    def settings_for(self, port: int) -> dict[str, str]:
        """Return all settings, including those of companions, as if each companion listened on `port`."""
        return dict(self.settings) | {
            name: value
            for companion in self.companions
            for name, value in companion.settings_for(port).items()
        }


def development(domain: Domain) -> Development:
    """Return what a domain declares. Raises `UsageError` if the declaration is invalid."""
    file = domain.folder / "pyproject.toml"
    table = toml_table(file, "tool", "aether", "development") or {}
    return Development(_strings(file, "settings", table), tuple(_companions(file, table)))


def _companions(file: Path, table: Mapping[str, Any]) -> Iterator[Companion]:
    declared = table.get("companions", {})
    for name, given in declared.items() if isinstance(declared, dict) else [("companions", declared)]:
        match given:
            case {"command": str(command), "port": int(port), **more} if 0 < port < 65536 and command.split():
                settings = _strings(file, f"companions.{name}.settings", more)
                yield Companion(name, tuple(shlex.split(command)), port, settings)
            case _:
                raise UsageError(f"{file}: a companion in [tool.aether.development] needs {_EXAMPLE}.")


def _with_port(text: str, port: int) -> str:
    return text.replace("{url}", f"http://{HOST}:{port}").replace("{port}", str(port))


def _strings(file: Path, where: str, table: Mapping[Any, Any]) -> dict[str, str]:
    given = table.get("settings", {})
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise UsageError(f"{file}: each value in [tool.aether.development] {where} must be a string.")
    return dict(given)
