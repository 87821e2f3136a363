"""Command line of a service: `python -m <package> ROLE...` migrates, then runs the other roles.

It imports no server and no broker client: migrating needs neither, and starts in half the time without them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError

from aether_adapters.observability import logging
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.sql import migrate

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "migrate": "brings the database to the newest schema, before anything else runs",
        "api": "the REST API, in front of the use cases here or of the rpc role elsewhere",
        "rpc": "the gRPC server",
    }
)
"""The roles of every service, each with its description."""
_USAGE_ERROR: Final = 2
"""The exit code for a command line or settings that are wrong, as argparse's."""


@dataclass(frozen=True, slots=True)
class Command:
    """A task that an operator runs once: `python -m <package> NAME ARGUMENT...`.

    `does` describes it in a few words. `run` takes the `arguments` as strings, by these names, and returns the exit code.
    """

    does: str
    arguments: tuple[str, ...]
    run: Callable[..., int]


def main(
    package: str,
    roles: Mapping[str, str],
    settings: type[ServiceSettings],
    *,
    migrations: Callable[[], Path],
    serve: Callable[[frozenset[str]], int],
    commands: Mapping[str, Command] = MappingProxyType({}),
    arguments: Sequence[str] | None = None,
) -> int:
    """Migrate if asked to, then `serve` the other roles that `arguments` name; return the exit code.

    If the first argument is one of `commands`, run that instead. `arguments` are those of the process by default.
    `roles` maps each role to its help text; `migrations` returns the folder with the migrations. If `settings` refuses
    the environment, print which variables to set and return 2.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        given = _role_parser(package, roles, commands).parse_args(arguments)
    else:
        given = _command_parser(package, arguments[0], command).parse_args(arguments[1:])
    try:
        configured = settings()
    except (ValidationError, SettingsError) as error:
        for sentence in settings.refusals(error):
            print(f"{package}: {sentence}", file=sys.stderr)  # noqa: T201 - there is no log yet, and an operator reads this
        return _USAGE_ERROR
    logging.configure(configured.log_format, configured.log_level)
    if command is not None:
        return command.run(**vars(given))
    wanted = frozenset(given.roles)
    if "migrate" in wanted:
        migrate(configured.database_url, migrations())
    wanted -= {"migrate"}
    return serve(wanted) if wanted else 0


def _role_parser(package: str, roles: Mapping[str, str], commands: Mapping[str, Command]) -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"python -m {package}",
        description="Runs the service: any of its roles in one process.",
        epilog="; ".join(
            f"{' '.join((name, *command.arguments))}: {command.does}" for name, command in commands.items()
        ),
    )
    descriptions = "; ".join(f"{name}: {what}" for name, what in roles.items())
    parser.add_argument("roles", nargs="+", choices=roles, metavar="role", help=descriptions)
    return parser


def _command_parser(package: str, name: str, command: Command) -> ArgumentParser:
    parser = ArgumentParser(prog=f"python -m {package} {name}", description=command.does)
    for argument in command.arguments:
        parser.add_argument(argument)
    return parser


def migrations(package: Path) -> Path:
    """Return the folder of migrations: inside the installed package, or beside `src` in a checkout."""
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"
