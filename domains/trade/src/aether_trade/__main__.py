"""Runs the service: any of its roles in one process, after migrating its database where `migrate` is among them."""

import sys
from argparse import ArgumentParser
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from aether_adapters import logs
from aether_adapters.errors import Unavailable
from aether_adapters.process import Role, Stop, run_roles
from aether_adapters.sql import migrate

from aether_trade.settings import Settings

ROLES = {
    "migrate": "brings the database to the newest schema, before anything else runs",
    "api": "the REST edge, in front of the use cases here or of the rpc role elsewhere",
    "rpc": "the gRPC server",
    "worker": "sends events from the outbox and refunds to the provider, and closes overdue orders",
}


def main() -> int:
    """The process's exit code."""
    parser = ArgumentParser(prog="python -m aether_trade", description=__doc__)
    words = "; ".join(f"{name}: {what}" for name, what in ROLES.items())
    parser.add_argument("roles", nargs="+", choices=ROLES, metavar="role", help=words)
    names: set[str] = set(parser.parse_args().roles)
    settings = Settings()
    logs.configure(settings.log_format, settings.log_level)
    if "migrate" in names:
        migrate(settings.database_url, migrations())
    names.discard("migrate")
    return serve(names) if names else 0


def migrations() -> Path:
    """Where the migrations are: in the installed package, or beside `src` in a checkout."""
    package = Path(__file__).parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parents[1] / "migrations"


def serve(names: Collection[str]) -> int:
    """Run the roles of these names until the process is told to stop; its exit code."""
    # Not at the top: to migrate needs no doors, and starts in half the time without them.
    from aether_adapters import grpc, rest

    from aether_trade.container import ERRORS, Container

    container = Container(roles=frozenset(names))
    settings = container.settings()
    roles: dict[str, Role] = {}
    if "api" in names:
        app = container.rest_app()
        roles["api"] = lambda stop: rest.serve(app, settings.rest_host, settings.rest_port, stop)
    if "rpc" in names:
        server = grpc.Server(
            [container.rpc_service()],
            errors=ERRORS,
            verify=container.verifier(),
            health=container.health(),
            address=f"{settings.grpc_host}:{settings.grpc_port}",
            threads=settings.threads,
            queue=settings.queue,
            deadline=settings.deadline_seconds,
            message_limit=settings.body_limit,
        )

        def rpc(stop: Stop) -> None:
            server.start()
            stop.wait()
            server.stop()

        roles["rpc"] = rpc
    if {"api", "rpc"} & set(names):
        roles["revocations"] = container.revocations().run
    if "worker" in names:
        roles["relay"] = container.relay().run
        roles["closer"] = container.closer().run
        roles["forgetter"] = container.forgetter().run
        roles["refunder"] = container.refunder().run
    issues_ids = "rpc" in names or ("api" in names and settings.arrangement == "in_process")
    if issues_ids:
        # Before anybody calls: the first id must not be what leases a number, inside a unit of work. Where the
        # database is away the service starts all the same, not ready, and the first id leases.
        with suppress(Unavailable):
            container.worker_number().start()
    try:
        return run_roles(roles, roles, health=container.health(), admin_port=settings.admin_port)
    finally:
        if issues_ids:
            # Given back, so that a restart need not wait for its term to end; it ends without us too.
            container.worker_number().stop()


if __name__ == "__main__":
    sys.exit(main())
