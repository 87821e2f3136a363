"""Settings of every service, read from environment variables; a domain adds its own fields and a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from aether_adapters.auth.grants import entries
from aether_adapters.auth.tokens import MAX_TOKEN_LIFETIME_SECONDS
from aether_adapters.service.server_settings import ServerSettings
from aether_adapters.service.store_settings import StoreSettings
from aether_adapters.service.variables import MaskedUrl, SecretUrl, StrongSecret, StrongText

__all__ = [
    "CallingServiceSettings",
    "MaskedUrl",
    "SecretUrl",
    "ServiceSettings",
    "StrongSecret",
    "StrongText",
]


class ServiceSettings(ServerSettings, StoreSettings):
    """The settings of stores and servers, of tokens, events and logs.

    A secret has no default: sooner or later a default that everybody knows would be used in production.
    """

    needed_by: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType(
        {
            "database_url": frozenset({"use_cases", "worker"}),
            "kafka_bootstrap": frozenset({"worker"}),
            "jwks": frozenset({"servers"}),
        }
    )
    """Fields that must not be empty, by what needs them: the servers, the use cases, or the worker. A domain adds its own."""

    service_key: str = Field(
        default="",
        validate_default=True,
        description="The file of the private key (PEM) that signs this service's own tokens; a gateway needs one.",
    )
    service_key_id: str = Field(
        default="",
        description="The key's name in the key set that others verify with (kid); empty: its RFC 7638 thumbprint.",
    )
    jwks: SecretUrl = Field(
        default=MaskedUrl(),
        description=(
            "The key sets that tokens are verified with, with spaces between: files, https URLs, or oidc+https://issuer;"
            " each may end in what it signs for: #roles=customer,staff or #services=shop-trade. Without: any user."
        ),
    )
    jwks_tls_ca: str = Field(
        default="",
        description="The file (PEM) of the authorities trusted when key sets are fetched; empty: the system's.",
    )
    token_issuer: str = Field(default="aether", description="Who must have issued a token (iss).")
    token_audience: str = Field(
        default="aether",
        pattern=r"\S",
        description="Whom a token must be meant for (aud); of several names, with spaces between, one suffices.",
    )
    token_life_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=MAX_TOKEN_LIFETIME_SECONDS,
        description="Tokens that live longer are refused; revocations are read from so long before the start.",
    )
    serve_without_revocations: bool = Field(
        default=False,
        description=(
            "Serve if Kafka cannot be read within 10 s of the start; revoked tokens then pass until they expire."
            " Otherwise the process stays unready, and refuses tokens, until it has read all revocations."
        ),
    )
    migrate_seconds: float = Field(
        default=60.0,
        ge=0,
        description="Seconds that the migrate role waits for the database, and as long for another process that migrates it.",
    )
    slow_call_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Seconds after which a call of another service or of an HTTP API counts as failed, though it may go on; "
        "a server most of whose calls fail is not asked until it answers again.",
    )
    hedge_seconds: float = Field(
        default=0.0,
        ge=0,
        description="Seconds after which an idempotent call of another service is made a second time, for a tenth of all "
        "calls at most: near the 95th percentile of its latency; 0 is off.",
    )
    outbox_days: int = Field(
        default=7, ge=1, description="Days after which events that were sent are deleted from the outbox."
    )
    inbox_days: int = Field(
        default=30,
        ge=1,
        description="Days after which a handled event is forgotten; more than any topic it reads keeps its events.",
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least log level that is written."
    )
    audit_log: str = Field(
        default="stdout",
        description="Where the audit log goes, as lines of JSON: stdout, stderr, or the path of a file.",
    )

    @property
    def neighbour_places(self) -> int:
        """How many use cases may wait for one other server at once: half of the threads, the rest does not need it."""
        return max(1, self.threads // 2)

    @property
    def database_places(self) -> int:
        """How many use cases may wait for the database at once: three quarters of the threads, as most need it."""
        return max(1, min(self.threads * 3 // 4, self.connections))

    @field_validator("service_key")
    @classmethod
    def _vouches(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("rpc_target"):
            raise ValueError(
                f"a gateway vouches for its calls with a token of its own: set it, or unset {cls.variable('rpc_target')}"
            )
        return value

    @field_validator("jwks")
    @classmethod
    def _key_sets(cls, value: str) -> str:
        tuple(entries(value))
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class CallingServiceSettings(ServiceSettings):
    """Settings of a service that calls others with tokens of its own."""

    service_key: str = Field(
        min_length=1, description="The file of the private key (PEM) that signs this service's own tokens."
    )
