"""Servers of a run: embedded ones as child processes, or real ones from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aether_tools.console import UsageError
from aether_tools.runner.children import Children
from aether_tools.runner.plan import Servers
from aether_tools.runner.ports import HOST
from aether_tools.workspace import Domain, Workspace

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

NAMES: Final = frozenset({"redis", "kafka"})
"""Names of the embedded servers' processes."""
_REQUIRED_VARIABLES: Final = {
    "AETHER_MYSQL_URL": "mysql+pymysql://root@127.0.0.1:3306",
    "AETHER_REDIS_URL": "redis://127.0.0.1:6379",
    "AETHER_KAFKA": "127.0.0.1:9092",
}
_PARTITIONS_PER_TOPIC: Final = 2
"""More than one, so that mistakes in the order of events show; no more, because each takes 5 MB in the mock."""
_CONNECT_TIMEOUT_SECONDS: Final = 5


def embedded(domains: Sequence[Domain], data: Path, *, redis: int, kafka: int) -> Servers:
    """Return the addresses of the embedded servers, given the ports of Redis and Kafka and the data folder."""
    databases = {domain.name: f"sqlite:///{data / domain.name}.db" for domain in domains}
    return Servers(databases, f"redis://{HOST}:{redis}/0", f"{HOST}:{kafka}")


def start_embedded(
    children: Children, workspace: Workspace, domains: Sequence[Domain], data: Path, *, redis: int, kafka: int
) -> None:
    """Start Redis and Kafka. Each prints a line that `is_ready_line` recognises when it accepts requests."""
    module = [str(workspace.python), "-m", "aether_adapters.embedded"]
    redis_command = [*module, "redis", "--port", str(redis), "--appendonly"]
    redis_command += ["--folder", str(data / "redis")]
    topics = [f"{workspace.name}.{domain.name}.v1:{_PARTITIONS_PER_TOPIC}" for domain in domains]
    kafka_command = [*module, "kafka", "--port", str(kafka)]
    kafka_command += [argument for topic in topics for argument in ("--topic", topic)]
    children.start("redis", redis_command, env=os.environ, folder=workspace.root)
    children.start("kafka", kafka_command, env=os.environ, folder=workspace.root)


def is_ready_line(line: str) -> bool:
    """Return whether an embedded server reports with `line` that it is ready."""
    return line.startswith('{"ready": true')


def from_environment(
    workspace: Workspace, domains: Sequence[Domain], environment: Mapping[str, str]
) -> Servers:
    """Return the servers of `--services`. Create each domain's database `<workspace>_<domain>` if it is missing.

    Raises `UsageError` if a variable is missing or invalid, or the database server cannot be used.
    """
    missing = [
        f"{name} (such as {example})"
        for name, example in _REQUIRED_VARIABLES.items()
        if not environment.get(name)
    ]
    if missing:
        raise UsageError(f"--services needs these environment variables: {', '.join(missing)}.")
    from aether_adapters.kernel.urls import UnreadableUrl, split_url
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        split_url("AETHER_MYSQL_URL", environment["AETHER_MYSQL_URL"])
        url = make_url(environment["AETHER_MYSQL_URL"])
    except UnreadableUrl as error:
        raise UsageError(f"{error}.") from None
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "mysql" or not url.host:
        raise UsageError("AETHER_MYSQL_URL must look like mysql+pymysql://user:password@host:3306.")
    url = url.set(drivername="mysql+pymysql")
    names = {domain.name: f"{workspace.name}_{domain.name}" for domain in domains}
    _create_databases(url.set(database=None), list(names.values()))
    databases = {
        domain: url.set(database=name).render_as_string(hide_password=False) for domain, name in names.items()
    }
    return Servers(databases, environment["AETHER_REDIS_URL"], environment["AETHER_KAFKA"])


def _create_databases(server: URL, names: Sequence[str]) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(
        server, connect_args={"connect_timeout": _CONNECT_TIMEOUT_SECONDS}, isolation_level="AUTOCOMMIT"
    )
    try:
        with engine.connect() as connection:
            for name in names:  # safe to interpolate: `commands.names.checked_name` allows identifiers only
                connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise UsageError(f"cannot use the server in AETHER_MYSQL_URL: {reason}") from error
    finally:
        engine.dispose()
