"""Command line of the service: run any of its roles in one process, after migrating the database if asked to."""

import sys
from pathlib import Path

from aether_adapters.service import cli

from aether_promotion.settings import Settings

ROLES = {
    **cli.ROLES,
    "worker": "sends events from the outbox, handles incoming ones, maintains claims and stock, and expires reservations",
}


def migrations() -> Path:
    """Return the folder of the migrations."""
    return cli.migrations(Path(__file__).parent)


def serve(roles: frozenset[str]) -> int:
    """Run the roles until the process is told to stop. Return its exit code."""
    # Imported here because `migrate` needs no server, and starts in half the time without these imports.
    from aether_promotion.container import Container

    return Container(roles=roles).process().run()


if __name__ == "__main__":
    sys.exit(cli.main("aether_promotion", ROLES, Settings, migrations=migrations, serve=serve))
