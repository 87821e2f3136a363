"""Settings of the servers behind a service: the database, Redis and Kafka."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.service.variables import MaskedUrl, SecretUrl, Variables


class StoreSettings(Variables):
    """Where the stores are, and how a service encrypts and authenticates its connections to them."""

    database_url: SecretUrl = Field(
        default=MaskedUrl(),
        description="Where rows are kept: mysql+pymysql://user:password@host/name or sqlite:///path.",
    )
    redis_url: SecretUrl = Field(
        default=MaskedUrl(),
        description="Where counters and caches are kept: redis[s]://[[user]:password@]host:port/0.",
    )
    database_tls_ca: str = Field(
        default="",
        description="The authorities (PEM file) that MySQL's certificate must come from; turns TLS on.",
    )
    database_tls_cert: str = Field(default="", description="The certificate (PEM file) shown to MySQL.")
    database_tls_key: str = Field(default="", description="Its private key (PEM file).")
    redis_tls_ca: str = Field(
        default="",
        description="The authorities (PEM file) that the certificate of rediss:// must come from; empty: the system's.",
    )
    redis_tls_cert: str = Field(default="", description="The certificate (PEM file) shown to Redis.")
    redis_tls_key: str = Field(default="", description="Its private key (PEM file).")
    kafka_bootstrap: str = Field(default="", description="Kafka's brokers: host:port, separated by commas.")
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext",
        description="How brokers are reached; ssl verifies their certificates and host names.",
    )
    kafka_tls_ca: str = Field(
        default="",
        description="The authorities (PEM file) that the brokers' certificates must come from; empty: the system's.",
    )
    kafka_tls_cert: str = Field(default="", description="The certificate (PEM file) shown to the brokers.")
    kafka_tls_key: str = Field(default="", description="Its private key (PEM file).")
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        default="", description="How this service authenticates itself; needs a kafka_security with sasl."
    )
    kafka_sasl_username: str = Field(default="", description="The user, for PLAIN and SCRAM.")
    kafka_sasl_password: SecretStr = Field(default=SecretStr(""), description="The user's password.")
    kafka_oauth_token_url: str = Field(
        default="", description="Where OAUTHBEARER fetches tokens (client credentials): https://... ."
    )
    kafka_oauth_client_id: str = Field(default="", description="The client, for OAUTHBEARER.")
    kafka_oauth_client_secret: SecretStr = Field(default=SecretStr(""), description="The client's secret.")
    kafka_oauth_scope: str = Field(default="", description="The scope that the token is asked for.")
    kafka_oauth_tls_ca: str = Field(
        default="",
        description="The authorities (PEM file) for kafka_oauth_token_url; empty: the system's.",
    )

    @property
    def database_tls(self) -> TlsFiles:
        """The certificate files for MySQL."""
        return TlsFiles(self.database_tls_ca, self.database_tls_cert, self.database_tls_key)

    @property
    def redis_tls(self) -> TlsFiles:
        """The certificate files for Redis."""
        return TlsFiles(self.redis_tls_ca, self.redis_tls_cert, self.redis_tls_key)

    @property
    def kafka_tls(self) -> TlsFiles:
        """The certificate files for Kafka."""
        return TlsFiles(self.kafka_tls_ca, self.kafka_tls_cert, self.kafka_tls_key)
