"""E12: no server accepts a token before it has heard which ones were revoked, and none lives longer than it looks back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
import jwt
import pytest
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.sql import migrate
from aether_adapters.testing.readiness import nowhere
from aether_adapters.testing.waiting import eventually

ROOT = Path(__file__).parents[2]
ADA = {"username": "ada", "mobile": "+8613800138000", "password": "correct horse"}
pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True)
class User:
    """The domain user on one port; each `started` process is a restart."""

    folder: Path
    redis: str
    kafka: str
    port: int

    @property
    def url(self) -> str:
        """Base URL of the REST API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What its processes have written."""
        return (self.folder / "log").read_text()

    @contextmanager
    def started(self, **more: str) -> Iterator[Popen[bytes]]:
        """Run every role with `more` settings; return at once."""
        settings = {
            "DATABASE_URL": f"sqlite:///{self.folder / 'user.db'}",
            "REDIS_URL": self.redis,
            "KAFKA_BOOTSTRAP": self.kafka,
            "REST_PORT": str(self.port),
            "GRPC_PORT": "0",
            "JWKS": str(DevelopmentKeys(self.folder / "keys").ensure().jwks),
            "KEY_SECRET": "a secret for this test",
            "HASH_PASSES": "1",
            "HASH_KIBIBYTES": "64",
            "DRAIN_SECONDS": "0",
            **more,
        }
        process = children.start(
            [sys.executable, "-m", "aether_user", "api", "rpc", "worker"],
            log=self.folder / "log",
            cwd=ROOT,
            env=os.environ | {f"USER_{name}": value for name, value in settings.items()},
        )
        try:
            yield process
        finally:
            children.stop(process)

    def ready(self) -> bool:
        """Return whether the process is ready."""
        return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200

    def listens(self) -> bool:
        """Return whether the process answers."""
        return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200

    def me(self, token: str) -> int | None:
        """Return the status of a call with the token; None if nobody listens."""
        try:
            return httpx.get(
                f"{self.url}/v1/me", headers={"authorization": f"Bearer {token}"}, timeout=10
            ).status_code
        except httpx.TransportError:
            return None

    def development_token(self, seconds: float) -> str:
        """Return a token that the development key signed."""
        pair = DevelopmentKeys(self.folder / "keys").ensure()
        return Issuer(pair.private_key, "aether", "aether", pair.kid).issue("1", seconds=seconds)


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    with EmbeddedRedis(tmp_path / "redis") as redis, EmbeddedKafka() as kafka:
        migrate(f"sqlite:///{tmp_path / 'user.db'}", ROOT / "domains" / "user" / "migrations")
        yield User(tmp_path, redis.url, kafka.bootstrap, children.free_port())


@pytest.mark.prove
def test_a_token_that_was_revoked_stays_so_across_a_restart(user: User) -> None:
    with (
        user.started(ISSUED_AUDIENCE="aether aether-trade"),
        httpx.Client(base_url=user.url, timeout=20) as client,
    ):
        eventually(user.ready, "user is ready", 90)
        client.post("/v1/users", json=ADA).raise_for_status()
        token = client.post("/v1/sessions", json={"login": "ada", "password": ADA["password"]}).json()[
            "accessToken"
        ]
        assert user.me(token) == 200
        assert jwt.decode(token, options={"verify_signature": False})["aud"] == ["aether", "aether-trade"]
        client.delete("/v1/sessions", headers={"authorization": f"Bearer {token}"}).raise_for_status()
        eventually(lambda: user.me(token) == 401, "the revocation is heard")
    seen = set()
    with user.started():
        until = time.monotonic() + 90
        # From the first moment that anybody listens, long before the process is ready.
        while (status := user.me(token)) != 401 and time.monotonic() < until:
            seen.add(status)
        assert status == 401
        assert seen <= {None, 503}
        eventually(user.ready, "user is ready again", 90)
        assert user.me(user.development_token(seconds=60)) == 404


@pytest.mark.prove
def test_a_server_without_kafka_refuses_tokens_or_says_that_it_cannot_know(user: User) -> None:
    with user.started(KAFKA_BOOTSTRAP=nowhere(), SERVE_WITHOUT_REVOCATIONS="true"):
        eventually(user.listens, "user listens", 90)
        began = time.monotonic()
        answer = httpx.get(f"{user.url}/readyz", timeout=5)
        assert answer.status_code == 503
        assert "revocations" in answer.text
        token = user.development_token(seconds=60)
        assert user.me(token) == 503
        # A worker is not ready without Kafka whatever the setting says, so this asks for what a server does.
        eventually(lambda: user.me(token) == 404, "it serves without revocations")
        assert time.monotonic() - began > 5
        assert "serving without revocations" in user.log
        metrics = httpx.get(f"{user.url}/metrics", timeout=5).text.splitlines()
        (behind,) = (line for line in metrics if line.startswith("aether_broadcast_behind_seconds{"))
        assert float(behind.rpartition(" ")[2]) > 5
        longer = user.development_token(seconds=3700)
        assert user.me(longer) == 401, "its revocation might be older than what is read at a start"


@pytest.mark.prove
def test_by_default_a_server_without_kafka_stays_unready(user: User) -> None:
    with user.started(KAFKA_BOOTSTRAP=nowhere()):
        eventually(user.listens, "user listens", 90)
        time.sleep(12)
        assert not user.ready()
        assert user.me(user.development_token(seconds=60)) == 503
