"""Private MariaDB or MySQL server for a test run; starts in about a second and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError

from aether_adapters.embedded import children

_SEARCH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


class MySqlServer:
    """A server on which tests create and drop their own databases."""

    def __init__(self, url: str) -> None:
        self._server = make_url(url).set(database="")

    @property
    def url(self) -> str:
        """The server's SQLAlchemy URL, without a database."""
        return self._server.render_as_string(hide_password=False)

    def create(self) -> str:
        """Make an empty database (utf8mb4) that stays as long as the server; returns its URL."""
        name = f"aether_test_{uuid4().hex[:12]}"
        _execute(self._server, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self._server.set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create an empty database (utf8mb4); yield its URL and drop it afterwards.

        The drop fails after 5 s if a connection still has an open transaction.
        """
        url = self.create()
        try:
            yield url
        finally:
            _execute(self._server, "SET lock_wait_timeout = 5", f"DROP DATABASE {make_url(url).database}")


class PrivateMySql:
    """A `MySqlServer` in a temporary folder, as root or not; it ends with this process.

    It can be killed and started again with its port and data. `options` are the daemon's, such as `--ssl-ca=...`.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._daemon = find_daemon()
        self._temporary = tempfile.TemporaryDirectory(
            prefix="aether-sql-"
        )  # short, because the path of a socket is limited
        self._folder = Path(self._temporary.name)
        self._port = children.free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> MySqlServer:
        """Install the system tables if needed, start the daemon and wait until it responds.

        Raises `RuntimeError`.
        """
        log = self._folder / "server.log"
        options = [
            "--no-defaults",
            f"--datadir={self._folder / 'data'}",
            *(["--user=root"] if os.getuid() == 0 else []),
        ]
        if not (self._folder / "data").exists():
            self._install(options, log)
        process = children.start(
            [
                str(self._daemon),
                *options,
                f"--socket={self._folder / 'sql.sock'}",
                f"--pid-file={self._folder / 'sql.pid'}",
                f"--port={self._port}",
                "--bind-address=127.0.0.1",
                "--skip-log-bin",
                "--innodb-buffer-pool-size=64M",
                "--innodb-flush-log-at-trx-commit=2",  # a test run need not survive a power cut
                *self._options,
            ],
            log=log,
        )
        self._process = process
        url = URL.create("mysql+pymysql", username="root", host="127.0.0.1", port=self._port)
        children.wait_until(lambda: _answers(url), process, log=log, seconds=60, every=0.02)
        return MySqlServer(url.render_as_string(hide_password=False))

    def kill(self) -> None:
        """Kill the daemon, as in a crash; it keeps its data for the next start."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop the daemon and remove its folder."""
        if self._process is not None:
            children.stop(self._process, grace=20)
            self._process = None
        self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _install(self, options: list[str], log: Path) -> None:
        with log.open("ab") as output:
            done = subprocess.run(  # noqa: S603 - a server found on this machine
                [*_installer(self._daemon), *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            raise RuntimeError(
                f"{done.args!r} failed. Its output:\n{log.read_text(errors='replace')[-2000:]}"
            )


def find_daemon() -> Path:
    """Find the mariadbd or mysqld to run; raises `FileNotFoundError` that says what to install."""
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name, path=_SEARCH)
        if found:
            return Path(found)
    raise FileNotFoundError(
        "There is no mariadbd or mysqld on the PATH or in /usr/sbin. Install one (`apt install mariadb-server`), "
        "or name a running server in AETHER_TEST_MYSQL_URL (mysql+pymysql://user:password@host:port)."
    )


def _installer(daemon: Path) -> list[str]:
    said = subprocess.run([daemon, "--no-defaults", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    if "MariaDB" not in said.stdout:
        return [str(daemon), "--initialize-insecure"]
    script = shutil.which("mariadb-install-db", path=_SEARCH) or shutil.which(
        "mysql_install_db", path=_SEARCH
    )
    if script is None:
        raise FileNotFoundError(
            f"{daemon} is installed but mariadb-install-db is not; install the complete mariadb-server."
        )
    return [script, "--auth-root-authentication-method=normal", "--skip-test-db"]


def _execute(url: URL, *statements: str) -> None:
    with create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _answers(url: URL) -> bool:
    try:
        _execute(url, "SELECT 1")
    except OperationalError:
        return False
    return True
