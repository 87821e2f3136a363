"""Command line of the service: run any of its roles in one process, after migrating the database if asked to."""

import sys
from pathlib import Path

from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.service import audit, cli

from aether_user.domain.errors import NotFound
from aether_user.settings import Settings

ROLES = {
    **cli.ROLES,
    "worker": "sends events from the outbox, handles incoming ones, and deletes expired sessions",
}


def migrations() -> Path:
    """Return the folder of the migrations."""
    return cli.migrations(Path(__file__).parent)


def serve(roles: frozenset[str]) -> int:
    """Run the roles until the process is told to stop. Return its exit code."""
    # Imported here because `migrate` needs no server, and starts in half the time without these imports.
    from aether_user.container import Container

    return Container(roles=roles).process().run()


def grant_operator(username: str) -> int:
    """Make the user an operator. Return the exit code, 1 if that is refused."""
    from aether_user.container import Container

    try:
        user = Container(roles=frozenset()).grant_operator()(username)
    except (NotFound, TechnicalError) as error:
        audit.record("grant_operator", subject=audit.administrator(), outcome="refused", username=username)
        print(error, file=sys.stderr)  # noqa: T201 - output of a command
        return 1
    audit.record("grant_operator", subject=audit.administrator(), username=username)
    print(f"{user.username.text} is an operator; signing in or renewing tokens gives the role.")  # noqa: T201
    return 0


def seal_keys() -> int:
    """Encrypt the signing keys with the present secret. Return the exit code, 1 if that is refused."""
    from aether_user.container import Container

    try:
        count = Container(roles=frozenset()).seal_keys()()
    except (ValueError, TechnicalError) as error:
        audit.record("seal_keys", subject=audit.administrator(), outcome="refused")
        print(error, file=sys.stderr)  # noqa: T201 - output of a command
        return 1
    audit.record("seal_keys", subject=audit.administrator(), count=count)
    print(f"{count} signing keys encrypted anew; all are encrypted with USER_KEY_SECRET.")  # noqa: T201
    return 0


COMMANDS = {
    "seal-keys": cli.Command(
        "encrypts the stored signing keys with USER_KEY_SECRET, after which the old one is not needed",
        (),
        seal_keys,
    ),
    "grant-operator": cli.Command(
        "makes a registered user an operator, such as the first one", ("username",), grant_operator
    ),
}

if __name__ == "__main__":
    sys.exit(cli.main("aether_user", ROLES, Settings, migrations=migrations, serve=serve, commands=COMMANDS))
