"""Tests of Kafka over TLS and SASL, with a real broker, real certificates and a real token endpoint."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from aether_adapters.auth.development import DevelopmentKeys, KeyPair
from aether_adapters.kafka import Broadcast, Cluster, Consumer, Producer, Sasl, probe, replay_dead_letters
from aether_adapters.kafka.protocol_detection import supports_kip_848
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.kernel.tls import NO_TLS, TlsFiles
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.kafka import KafkaBroker, find_libraries
from aether_adapters.testing.plugin import found
from aether_adapters.testing.secure_kafka import PASSWORD, secure_broker
from aether_adapters.testing.waiting import eventually

real = [pytest.mark.prove, pytest.mark.implementation("kafka")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return DevelopmentKeys(tmp_path_factory.mktemp("keys")).ensure()


@pytest.fixture(scope="module")
def broker(
    request: pytest.FixtureRequest,
    authority: Authority,
    keys: KeyPair,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KafkaBroker]:
    libraries = found(lambda: find_libraries(request.config.rootpath))
    with secure_broker(libraries, tmp_path_factory.mktemp("stores"), authority, keys.jwks) as broker:
        yield broker


@contextmanager
def token_endpoint(keys: KeyPair) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """Grant tokens to the client `shop` with the right secret; yield the URL and what was asked for."""
    asked = list[dict[str, list[str]]]()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            asked.append(form)
            now = int(time.time())
            claims = {"sub": "shop", "aud": "kafka", "iat": now, "exp": now + 60, "scope": "write"}
            token = jwt.encode(claims, keys.private_key, "RS256", {"kid": keys.kid})
            right = "Basic c2hvcDpzZWNyZXQ=" in (self.headers["authorization"] or "")
            body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 60}).encode()
            self.send_response(200 if right else 401)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body if right else b"{}")))
            self.end_headers()
            self.wfile.write(body if right else b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token", asked
    finally:
        server.shutdown()
        server.server_close()


def round_trip(cluster: Cluster, topic: str, kit: Any) -> None:
    """Everything of the kit works on `cluster`."""
    probe(cluster, seconds=10)()
    assert supports_kip_848(cluster) is True
    handled, heard = list[bytes](), list[bytes]()
    poison = [True]

    def handle(event: IncomingEvent) -> None:
        if event.payload == b"1" and poison:
            raise LookupError("poison")
        handled.append(event.payload)

    def hear(event: IncomingEvent) -> None:
        heard.append(event.payload)

    Producer(cluster).send(kit.event(topic, 1), kit.event(topic, 2))
    with kit.running(
        Consumer(cluster, topic, [topic], {"Numbered": handle}),
        Broadcast(cluster, topic, {"Numbered": hear}, since_seconds=60),
    ):
        eventually(lambda: handled == [b"2"] and heard == [b"1", b"2"])
        poison.clear()
        assert replay_dead_letters(cluster, topic) == 1
        eventually(lambda: handled == [b"2", b"1"])


def reason(cluster: Cluster) -> str:
    with pytest.raises(Unavailable) as caught:
        probe(cluster, seconds=2)()
    return caught.value.reason


class TestRealBroker:
    pytestmark = real

    def test_a_verified_connection_carries_everything(
        self, broker: KafkaBroker, authority: Authority, topic: str, kit: Any
    ) -> None:
        round_trip(Cluster(broker.address("TLS"), "ssl", TlsFiles(ca=str(authority.ca))), topic, kit)

    def test_a_client_shows_its_certificate(
        self, broker: KafkaBroker, authority: Authority, topic: str, kit: Any
    ) -> None:
        round_trip(Cluster(broker.address("MUTUAL"), "ssl", authority.issue("client")), topic, kit)

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    @pytest.mark.parametrize("listener", ["SASL", "CLEAR"])
    def test_a_user_with_a_password_is_served(
        self, broker: KafkaBroker, authority: Authority, topic: str, kit: Any, mechanism: Any, listener: str
    ) -> None:
        sasl = Sasl(mechanism=mechanism, username="app", password=PASSWORD)
        address = broker.address(listener)
        if listener == "CLEAR":
            round_trip(Cluster(address, "sasl_plaintext", sasl=sasl), topic, kit)
        else:
            round_trip(Cluster(address, "sasl_ssl", TlsFiles(ca=str(authority.ca)), sasl), topic, kit)

    def test_a_client_of_an_openid_provider_is_served(
        self, broker: KafkaBroker, authority: Authority, keys: KeyPair, topic: str, kit: Any
    ) -> None:
        with token_endpoint(keys) as (url, asked):
            sasl = Sasl(
                mechanism="OAUTHBEARER",
                token_url=url,
                client_id="shop",
                client_secret="secret",
                scope="write",
            )
            round_trip(
                Cluster(broker.address("SASL"), "sasl_ssl", TlsFiles(ca=str(authority.ca)), sasl), topic, kit
            )
        assert {"grant_type": ["client_credentials"], "scope": ["write"]} in asked

    def test_each_wrong_certificate_is_named(
        self, broker: KafkaBroker, authority: Authority, tmp_path: Path
    ) -> None:
        trusted = TlsFiles(ca=str(authority.ca))
        foreign = TlsFiles(ca=str(Authority(tmp_path).ca))
        expected = {
            ("TLS", foreign): "The certificate of Kafka comes from an authority that is not trusted.",
            ("TLS", NO_TLS): "The certificate of Kafka comes from an authority that is not trusted.",
            ("OLD", trusted): "The certificate of Kafka has expired.",
            ("OTHER", trusted): "The certificate of Kafka is for another host name.",
        }
        said = {
            (listener, files): reason(Cluster(broker.address(listener), "ssl", files))
            for listener, files in expected
        }
        assert said == expected

    @pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
    def test_a_wrong_password_is_named_and_not_told(self, broker: KafkaBroker, mechanism: Any) -> None:
        sasl = Sasl(mechanism=mechanism, username="app", password="wrong-password")
        said = reason(Cluster(broker.address("CLEAR"), "sasl_plaintext", sasl=sasl))
        assert "uthentication" in said
        assert "wrong-password" not in said + repr(sasl)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: Cluster("k:1", "tls"), "kafka_security is 'tls'; it must be one of"),  # type: ignore[arg-type]
        (
            lambda: Cluster("k:1", tls=TlsFiles(ca="x")),
            "certificates are set, but kafka_security is plaintext",
        ),
        (lambda: Cluster("k:1", "ssl", TlsFiles(ca="nowhere.pem")), "nowhere.pem cannot be read"),
        (lambda: Cluster("k:1", "sasl_ssl"), "kafka_sasl_mechanism is empty"),
        (lambda: Cluster("k:1", "ssl", sasl=Sasl(mechanism="PLAIN")), "kafka_sasl_mechanism is set"),
        (
            lambda: Cluster("k:1", "sasl_ssl", sasl=Sasl(mechanism="PLAIN", username="u")),
            "kafka_sasl_password is empty, but PLAIN needs it",
        ),
        (
            lambda: Cluster(
                "k:1", "sasl_ssl", sasl=Sasl(mechanism="OAUTHBEARER", token_url="http://idp/token")
            ),
            "the client's secret needs https://",
        ),
    ],
)
def test_settings_that_cannot_work_are_named(make: Callable[[], Cluster], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        make()


def test_no_secret_is_in_what_is_printed() -> None:
    sasl = Sasl(mechanism="PLAIN", username="u", password="first-secret", client_secret="second-secret")
    assert "-secret" not in repr(Cluster("k:1", "sasl_ssl", sasl=sasl))
