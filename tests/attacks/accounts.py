"""A real process of the shop's domain user, to attack its accounts over sockets."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Final

import httpx
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.sql import migrate
from aether_adapters.testing.waiting import eventually

from tests.attacks.stranger import Stranger
from tests.support.roles import START_SECONDS, ready

ROOT = Path(__file__).parents[2]
PASSWORD = "an unusual horse 4711"
ROLES = ("api", "rpc", "worker")
_NUMBERS: Final = count(1)
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For HTTP clients: everything is on loopback, and loading certificates takes longer than most requests."""
_CHEAP = {"HASH_PASSES": "1", "HASH_KIBIBYTES": "64", "HASH_LANES": "1"}
"""Argon2id for tests that are not about its cost."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """User's servers and worker in one process, on SQLite and embedded servers. It believes X-Forwarded-For."""

    folder: Path
    rest_port: int
    grpc_port: int
    process: Popen[bytes]
    settings: Mapping[str, str]

    @property
    def rest(self) -> str:
        """Base URL of the REST API."""
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def grpc(self) -> str:
        """host:port of the gRPC server."""
        return f"127.0.0.1:{self.grpc_port}"

    def said(self) -> str:
        """Return everything that the process has written."""
        return (self.folder / "user.log").read_text(errors="replace")

    def client(self, address: str = "192.0.2.1", token: str = "") -> httpx.Client:
        """Return a REST client that seems to come from `address`."""
        headers = {"x-forwarded-for": address} | ({"authorization": f"Bearer {token}"} if token else {})
        return httpx.Client(base_url=self.rest, headers=headers, timeout=60, trust_env=False, verify=_NO_TLS)

    def register(self, address: str = "192.0.2.1", password: str = PASSWORD, **more: str) -> str:
        """Register a user with a new name and mobile. Return the name."""
        number = next(_NUMBERS)
        body = {"username": f"user-{number}", "mobile": f"+49{number:010}", "password": password, **more}
        with self.client(address) as client:
            answer = client.post("/v1/users", json=body)
        assert answer.status_code == 201, answer.text
        return body["username"]

    def sign_in(self, login: str, password: str = PASSWORD, address: str = "192.0.2.1") -> httpx.Response:
        """Try to sign in."""
        with self.client(address) as client:
            return client.post("/v1/sessions", json={"login": login, "password": password})

    @contextmanager
    def another(self, **settings: str) -> Iterator[Accounts]:
        """Start one more process on the same servers, with `settings`; yield it once it is ready."""
        with _started(self.folder, dict(self.settings) | settings) as another:
            yield another

    def run(self, *command: str, **settings: str) -> CompletedProcess[str]:
        """Run a command of the domain on the same servers, with `settings`, and wait for it."""
        return subprocess.run(
            [sys.executable, "-m", "aether_user", *command],
            env=_environment(dict(self.settings) | settings),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    @contextmanager
    def stranger(self) -> Iterator[Stranger]:
        """Yield another user, who asks for `/healthz` and reads the own profile."""
        address = "198.51.100.77"
        token = self.sign_in(self.register(address), address=address).json()["accessToken"]
        with self.client(address) as anyone, self.client(address, token) as caller:
            yield Stranger(healthz=lambda: anyone.get("/healthz"), operation=lambda: caller.get("/v1/me"))


@contextmanager
def accounts_of(folder: Path, *, cheap: bool = True, **settings: str) -> Iterator[Accounts]:
    """Start the domain user with `settings`, without their prefix; yield it once it is ready.

    A password costs next to nothing to hash if `cheap`, else what it costs in production.
    """
    database = f"sqlite:///{folder / 'user.db'}"
    migrate(database, ROOT / "domains" / "user" / "migrations")
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(folder / "redis"))
        kafka = stack.enter_context(EmbeddedKafka({"aether.user.v1": 1, "aether.trade.v1": 1}))
        values = {
            "DATABASE_URL": database,
            "REDIS_URL": redis.url,
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "KEY_SECRET": "a secret of the attacked accounts",
            "TRUSTED_PROXIES": '["127.0.0.1"]',
            "DRAIN_SECONDS": "0",
            "USER_RATE": "100000",
            "USER_BURST": "100000",
            **(_CHEAP if cheap else {}),
            **settings,
        }
        yield stack.enter_context(_started(folder, values))


@contextmanager
def _started(folder: Path, settings: Mapping[str, str]) -> Iterator[Accounts]:
    rest_port, grpc_port = children.free_port(), children.free_port()
    process = children.start(
        [sys.executable, "-m", "aether_user", *ROLES],
        log=folder / "user.log",
        cwd=folder,
        env=_environment(dict(settings) | {"REST_PORT": str(rest_port), "GRPC_PORT": str(grpc_port)}),
    )
    try:
        accounts = Accounts(folder, rest_port, grpc_port, process, settings)
        eventually(lambda: ready(accounts.rest), "the accounts are ready", START_SECONDS)
        yield accounts
    finally:
        children.stop(process, grace=20)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return (
        os.environ | {f"USER_{name}": value for name, value in settings.items()} | {"PYTHONUNBUFFERED": "1"}
    )
