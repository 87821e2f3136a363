"""A Kafka cluster: its brokers, and how connections to them are encrypted and authenticated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from aether_adapters.kernel.tls import NO_TLS, TlsFiles

Security = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
Mechanism = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sasl:
    """Who a client is: a user and a password, or for OAUTHBEARER a client of an OpenID provider.

    With OAUTHBEARER librdkafka fetches tokens from `token_url` (client credentials) and renews them in time; `token_ca`
    are the authorities of that server, by default the system's.
    """

    mechanism: Mechanism
    username: str = ""
    password: str = field(default="", repr=False)
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""
    token_ca: str = ""

    def faults(self) -> Iterator[str]:
        """Yield what is missing, one sentence each, in the words of the settings."""
        if self.mechanism == "OAUTHBEARER":
            needed = {
                "kafka_oauth_token_url": self.token_url,
                "kafka_oauth_client_id": self.client_id,
                "kafka_oauth_client_secret": self.client_secret,
            }
            url = urlsplit(self.token_url)
            if self.token_url and url.scheme != "https" and url.hostname not in _LOOPBACK:
                yield f"kafka_oauth_token_url begins with {url.scheme}://; the client's secret needs https://"
        else:
            needed = {"kafka_sasl_username": self.username, "kafka_sasl_password": self.password}
        for name in (name for name, value in needed.items() if not value):
            yield f"{name} is empty, but {self.mechanism} needs it"

    def options(self) -> dict[str, object]:
        """Return librdkafka's settings."""
        if self.mechanism != "OAUTHBEARER":
            return {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        options: dict[str, object] = {
            "sasl.mechanism": self.mechanism,
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": self.token_url,
            "sasl.oauthbearer.client.id": self.client_id,
            "sasl.oauthbearer.client.secret": self.client_secret,
        }
        if self.scope:
            options["sasl.oauthbearer.scope"] = self.scope
        if self.token_ca:
            options["https.ca.location"] = self.token_ca
        return options


@dataclass(frozen=True, slots=True)
class Cluster:
    """Brokers at `bootstrap` (`host:port`, separated by commas), reached by `security`.

    Raises `ValueError` for a combination that cannot work, and for unusable certificate files.
    """

    bootstrap: str
    security: Security = "plaintext"
    tls: TlsFiles = NO_TLS
    sasl: Sasl | None = None

    def __post_init__(self) -> None:
        for fault in self._faults():
            raise ValueError(f"Kafka: {fault}.")

    @classmethod
    def of(cls, cluster: Cluster | str) -> Cluster:
        """Return the cluster itself, or the one that is reached in the clear at these addresses."""
        return cls(cluster) if isinstance(cluster, str) else cluster

    @property
    def encrypted(self) -> bool:
        """Whether connections use TLS."""
        return self.security in ("ssl", "sasl_ssl")

    def options(self) -> dict[str, object]:
        """Return librdkafka's settings for a connection; a host name that does not fit a certificate is refused."""
        options: dict[str, object] = {"bootstrap.servers": self.bootstrap}
        if self.security == "plaintext":
            return options
        options["security.protocol"] = self.security
        if self.encrypted:
            files = {
                "ssl.ca.location": self.tls.ca,
                "ssl.certificate.location": self.tls.cert,
                "ssl.key.location": self.tls.key,
            }
            options |= {name: path for name, path in files.items() if path}
        if self.sasl is not None:
            options |= self.sasl.options()
        return options

    def _faults(self) -> Iterator[str]:
        if self.security not in get_args(Security):
            yield f"kafka_security is {self.security!r}; it must be one of {', '.join(get_args(Security))}"
        if self.tls and not self.encrypted:
            yield f"certificates are set, but kafka_security is {self.security}; use ssl or sasl_ssl"
        yield from map(str, self.tls.faults())
        if self.security.startswith("sasl") and self.sasl is None:
            yield f"kafka_sasl_mechanism is empty, but kafka_security is {self.security}"
        if self.sasl is not None:
            if not self.security.startswith("sasl"):
                yield f"kafka_sasl_mechanism is set, but kafka_security is {self.security}; use sasl_ssl"
            yield from self.sasl.faults()
