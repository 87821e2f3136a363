"""What `python -m <a service> ROLE...` does, but for the roles' own work.

It imports no door and no broker: to migrate needs none of them, and starts in half the time without.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError

from aether_adapters import logs
from aether_adapters.settings import ServiceSettings
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


def main(
    package: str,
    roles: Mapping[str, str],
    settings: type[ServiceSettings],
    *,
    migrations: Callable[[], Path],
    serve: Callable[[frozenset[str]], int],
    arguments: Sequence[str] | None = None,
) -> int:
    """Migrate where asked to, then `serve` the other roles that `arguments` (the command line) name; the exit code.

    `roles` holds the words of the help for each; `migrations` says where they are. Where `settings` refuses the
    environment, it says what to set, and gives 2.
    """
    parser = ArgumentParser(
        prog=f"python -m {package}",
        description="Runs the service: any of its roles in one process.",
    )
    words = "; ".join(f"{name}: {what}" for name, what in roles.items())
    parser.add_argument("roles", nargs="+", choices=roles, metavar="role", help=words)
    wanted = frozenset(parser.parse_args(arguments).roles)
    try:
        told = settings()
    except (ValidationError, SettingsError) as error:
        for sentence in settings.refusals(error):
            print(f"{package}: {sentence}", file=sys.stderr)  # noqa: T201 - before there is a log, to who starts it
        return _REFUSED
    logs.configure(told.log_format, told.log_level)
    if "migrate" in wanted:
        migrate(told.database_url, migrations())
    wanted -= {"migrate"}
    return serve(wanted) if wanted else 0


def migrations(package: Path) -> Path:
    """The migrations of the installed package in that folder, or beside `src` in a checkout."""
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"
