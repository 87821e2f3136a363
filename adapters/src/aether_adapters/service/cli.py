"""What `python -m <a service> ROLE...` does, but for the roles' own work.

It imports no door and no broker: to migrate needs none of them, and starts in half the time without.
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
        "api": "the REST edge, in front of the use cases here or of the rpc role elsewhere",
        "rpc": "the gRPC server",
    }
)
"""The roles of every service, each with what it does."""
_REFUSED: Final = 2


@dataclass(frozen=True, slots=True)
class Command:
    """Something that is done once, by who runs the service: `python -m <package> NAME ARGUMENT...`.

    `does` says what for, in a few words; `run` takes the `arguments` by these names, as texts, and gives the exit code.
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
    words: Sequence[str] | None = None,
) -> int:
    """Migrate where asked to, then `serve` the other roles that `words` (the command line) name; the exit code.

    Where the first word is one of `commands`, run that instead. `roles` holds the words of the help for each;
    `migrations` says where they are. Where `settings` refuses the environment, it says what to set, and gives 2.
    """
    words = sys.argv[1:] if words is None else words
    command = commands.get(words[0]) if words else None
    if command is None:
        given = _role_parser(package, roles, commands).parse_args(words)
    else:
        given = _command_parser(package, words[0], command).parse_args(words[1:])
    try:
        told = settings()
    except (ValidationError, SettingsError) as error:
        for sentence in settings.refusals(error):
            print(f"{package}: {sentence}", file=sys.stderr)  # noqa: T201 - before there is a log, to who starts it
        return _REFUSED
    logging.configure(told.log_format, told.log_level)
    if command is not None:
        return command.run(**vars(given))
    wanted = frozenset(given.roles)
    if "migrate" in wanted:
        migrate(told.database_url, migrations())
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
    words = "; ".join(f"{name}: {what}" for name, what in roles.items())
    parser.add_argument("roles", nargs="+", choices=roles, metavar="role", help=words)
    return parser


def _command_parser(package: str, name: str, command: Command) -> ArgumentParser:
    parser = ArgumentParser(prog=f"python -m {package} {name}", description=command.does)
    for argument in command.arguments:
        parser.add_argument(argument)
    return parser


def migrations(package: Path) -> Path:
    """The migrations of the installed package in that folder, or beside `src` in a checkout."""
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"
