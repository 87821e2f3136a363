"""Private Kafka broker with a listener for each way that a connection may be encrypted and authenticated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.kafka import KafkaBroker

PASSWORD: Final = "correct horse"  # noqa: S105 - of a broker that lives as long as a test
"""The password of the user `app`."""
_LISTENERS: Final = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "OLD": "SSL",
    "OTHER": "SSL",
    "SASL": "SASL_SSL",
    "CLEAR": "SASL_PLAINTEXT",
}
_SECURITY: Final = "org.apache.kafka.common.security"


@contextmanager
def secure_broker(libraries: Path, folder: Path, authority: Authority, jwks: Path) -> Iterator[KafkaBroker]:
    """Run a broker with these listeners, for `KafkaBroker.address`; it keeps its key stores in `folder`.

    TLS; MUTUAL, which demands a client's certificate; OLD, whose certificate has expired; OTHER, whose certificate is for
    kafka.example; SASL and CLEAR, with and without TLS, for the user `app` (PLAIN, SCRAM) and for tokens (OAUTHBEARER)
    that keys in `jwks` signed for the audience `kafka`.
    """
    properties = {"listener.name.mutual.ssl.client.auth": "required"}
    good = authority.issue("server")
    for listener, certificate in {
        "tls": good,
        "mutual": good,
        "sasl": good,
        "old": authority.issue("old", life=timedelta(days=-2)),
        "other": authority.issue("other", "kafka.example"),
    }.items():
        properties |= _encrypted(listener, folder, certificate)
    for listener in ("sasl", "clear"):
        properties |= _authenticated(listener, jwks)
    allowed = "-Dorg.apache.kafka.sasl.oauthbearer.allowed"
    jvm = (f"{allowed}.urls=file://{jwks}", f"{allowed}.files={jwks}")
    with KafkaBroker(libraries, listeners=_LISTENERS, properties=properties, jvm=jvm) as broker:
        client = AdminClient({"bootstrap.servers": broker.bootstrap})  # must outlive its futures
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            user = UserScramCredentialUpsertion(
                "app", ScramCredentialInfo(mechanism, 4096), PASSWORD.encode()
            )
            for made in client.alter_user_scram_credentials([user]).values():
                made.result(20)
        yield broker


def _encrypted(listener: str, folder: Path, certificate: TlsFiles) -> dict[str, str]:
    store = folder / f"{listener}.pem"
    store.write_text(Path(certificate.key).read_text() + Path(certificate.cert).read_text())
    prefix = f"listener.name.{listener}.ssl"
    return {
        f"{prefix}.keystore.type": "PEM",
        f"{prefix}.keystore.location": str(store),
        f"{prefix}.truststore.type": "PEM",
        f"{prefix}.truststore.location": certificate.ca,
    }


def _authenticated(listener: str, jwks: Path) -> dict[str, str]:
    prefix = f"listener.name.{listener}"
    scram = f"{_SECURITY}.scram.ScramLoginModule required;"
    bearer, module = f"{prefix}.oauthbearer.sasl", f"{_SECURITY}.oauthbearer"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        f"{prefix}.plain.sasl.jaas.config": f'{_SECURITY}.plain.PlainLoginModule required user_app="{PASSWORD}";',
        f"{prefix}.scram-sha-256.sasl.jaas.config": scram,
        f"{prefix}.scram-sha-512.sasl.jaas.config": scram,
        f"{bearer}.jaas.config": f"{module}.OAuthBearerLoginModule required;",
        f"{bearer}.server.callback.handler.class": f"{module}.OAuthBearerValidatorCallbackHandler",
        f"{bearer}.oauthbearer.jwks.endpoint.url": f"file://{jwks}",
        f"{bearer}.oauthbearer.expected.audience": "kafka",
    }
