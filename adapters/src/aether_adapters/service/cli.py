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

from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.masking import masked
from aether_adapters.kernel.tls import UnusableFiles
from aether_adapters.kernel.urls import UnreadableUrl
from aether_adapters.observability import logging
from aether_adapters.service.listening import CannotListen
from aether_adapters.service.preconditions import faults
from aether_adapters.service.settings import ServiceSettings
from aether_adapters.service.variables import WrongSetting
from aether_adapters.sql import migrate

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "migrate": "brings the database to the newest schema, before anything else runs",
        "api": "the REST API, in front of the use cases here or of the rpc role elsewhere",
        "rpc": "the gRPC server",
    }
)
"""The roles of every service, each with its description."""
_SETTINGS: Final = "settings"
_USAGE_ERROR: Final = 2
"""The exit code for a command line or settings that are wrong, as argparse's."""
_SERVERS: Final = frozenset({"api", "rpc"})
_FAILED: Final = 1
"""The exit code for what is right but cannot be done now."""


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

    The argument `settings` alone prints all variables instead. If the first argument is one of `commands`, run that
    instead. `arguments` are those of the process by default.
    `roles` maps each role to its help text; `migrations` returns the folder with the migrations. If `settings` refuses
    the environment, or a role lacks something that it needs, print which variables to set and return 2; likewise for
    certificate files that cannot be used, and addresses that cannot be read. If the database stays away from `migrate`, or
    a server's port is taken, say so and return 1.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) == [_SETTINGS]:
        print(settings.documentation())  # noqa: T201 # this is what was asked for
        return 0
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        given = _role_parser(package, roles, commands).parse_args(arguments)
    else:
        given = _command_parser(package, arguments[0], command).parse_args(arguments[1:])
    try:
        configured = settings()
    except (ValidationError, SettingsError) as error:
        return _refuse(package, settings.refusals(error))
    logging.configure(configured.log_format, configured.log_level, secrets=configured.secrets())
    refused = [] if command is not None else list(faults(configured, frozenset(given.roles)))
    if refused:
        return _refuse(package, refused)
    # A command's standard output is its result.
    audit_log = "stderr" if command is not None and configured.audit_log == "stdout" else configured.audit_log
    try:
        logging.configure_audit(audit_log, secrets=configured.secrets())
    except OSError as error:
        return _refuse(
            package, [f"{configured.variable('audit_log')}: {configured.audit_log}: {error.strerror}."]
        )
    if command is not None:
        return command.run(**vars(given))
    wanted = frozenset(given.roles)
    try:
        if "migrate" in wanted:
            seconds = configured.migrate_seconds
            migrate(configured.database_url, migrations(), wait_seconds=seconds, tls=configured.database_tls)
        wanted -= {"migrate"}
        if configured.workers > 1 and not wanted.isdisjoint(_SERVERS):
            # Its packages load the admin server, which a migration does without.
            from aether_adapters.service import parent

            if not parent.is_worker():
                return parent.run_workers(package, wanted, configured)
        return serve(wanted) if wanted else 0
    except (UnusableFiles, UnreadableUrl, WrongSetting) as error:
        return _refuse(package, [str(error)])
    except CannotListen as error:
        return _refuse(package, [str(error)], _FAILED)
    except Unavailable as error:  # of `migrate`; what serves lets no such error out
        why = f" ({error.reason})" if error.reason != error.detail else ""
        longer = f"Try again, or wait longer: {configured.variable('migrate_seconds')}."
        return _refuse(package, [masked(f"{error.detail.rstrip('.')}{why}. {longer}")], _FAILED)


def _refuse(package: str, sentences: Sequence[str], code: int = _USAGE_ERROR) -> int:
    for sentence in sentences:
        print(f"{package}: {sentence}", file=sys.stderr)  # noqa: T201 - an operator reads this, not a log
    return code


def _role_parser(package: str, roles: Mapping[str, str], commands: Mapping[str, Command]) -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"python -m {package}",
        description="Runs the service: any of its roles in one process.",
        epilog="; ".join(
            (
                *(
                    f"{' '.join((name, *command.arguments))}: {command.does}"
                    for name, command in commands.items()
                ),
                f"{_SETTINGS}: prints every variable with its default, type and purpose",
            )
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
