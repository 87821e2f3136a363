"""What every service can be told by its environment; a domain adds fields of its own and a prefix."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def masked(url: str) -> str:
    """The URL without its password, for logs."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{host}"))


class MaskedUrl(str):
    """A URL that shows no password where it is printed for people: in logs, tracebacks and settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(masked(str(self)))


SecretUrl = Annotated[str, AfterValidator(MaskedUrl)]


class ServiceSettings(BaseSettings):
    """Read from variables named `<PREFIX><FIELD>`, such as `BILLING_DATABASE_URL`; set `env_prefix` in a subclass.

    Printing it shows no password. Raises pydantic's `ValidationError` naming the fields that are wrong.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretUrl = Field(
        default=MaskedUrl(),
        description="Where rows are kept: mysql+pymysql://user:password@host/name or sqlite:///path.",
    )
    redis_url: SecretUrl = Field(
        default=MaskedUrl(),
        description="Where counters and caches are kept: redis://[:password@]host:port/0.",
    )
    kafka_bootstrap: str = Field(default="", description="Kafka's brokers: host:port, separated by commas.")
    rest_host: str = Field(default="127.0.0.1", description="The address the api role listens on.")
    rest_port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 takes a free one.")
    grpc_host: str = Field(default="127.0.0.1", description="The address the rpc role listens on.")
    grpc_port: int = Field(default=9090, ge=0, le=65535, description="Its port; 0 takes a free one.")
    rpc_target: str = Field(
        default="",
        description="host:port of this domain's rpc role; when set, the api role is a gateway in front of it.",
    )
    admin_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Serves /healthz, /readyz and /metrics of a process without the api role; 0 is off.",
    )
    jwks: str = Field(
        default="",
        description="The keys that tokens are verified with: files or https URLs, with spaces between.",
    )
    token_issuer: str = Field(default="aether", description="Who must have issued a token (iss).")
    token_audience: str = Field(default="aether", description="Whom a token must be meant for (aud).")
    service_key: str = Field(
        default="",
        description="The file of the private key that signs this service's own tokens; empty: beside JWKS.",
    )
    service_key_id: str = Field(default="", description="Its name in the key set (kid).")
    threads: int = Field(
        default=16,
        ge=1,
        le=512,
        description="Use cases that run at once; not more than the SQL and Redis pools hold.",
    )
    queue: int = Field(
        default=64, ge=0, description="Use cases that may wait for a thread; one more is refused."
    )
    deadline_seconds: float = Field(
        default=5.0, gt=0, description="Seconds a request has from its head to its answer."
    )
    body_limit: int = Field(default=1024 * 1024, ge=1, description="The largest request body, in bytes.")
    outbox_days: int = Field(
        default=7, ge=1, description="Days after which events that were sent are deleted from the outbox."
    )
    inbox_days: int = Field(
        default=30,
        ge=1,
        description="Days after which a handled event is forgotten; more than any topic it reads keeps its events.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description='Addresses or networks whose X-Forwarded-For is believed, as JSON: ["10.0.0.0/8"].',
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines look.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least log level that is written."
    )

    @property
    def arrangement(self) -> Literal["gateway", "in_process"]:
        """What stands behind the REST edge: the rpc role of another process, or the use cases in this one."""
        return "gateway" if self.rpc_target else "in_process"

    @property
    def connections(self) -> int:
        """How many this process may hold to a server: one for each thread of both doors, and the worker's."""
        return 2 * self.threads + 8

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @classmethod
    def documentation(cls) -> str:
        """Every variable as a Markdown table: its name, its default, what it is for."""
        prefix = cls.model_config.get("env_prefix", "")
        rows = ["| variable | default | what it is for |", "|---|---|---|"]
        for name, field in cls.model_fields.items():
            default = field.get_default(call_default_factory=True)
            rows.append(f"| `{prefix}{name}`".upper() + f" | `{default}` | {field.description or ''} |")
        return "\n".join(rows)
