"""Settings of every service, read from environment variables; a domain adds its own fields and a prefix."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError


def masked(url: str) -> str:
    """Return the URL without its password, for logs."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user = parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:***@{host}"))


class MaskedUrl(str):
    """A URL whose repr hides the password: in logs, tracebacks and printed settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(masked(str(self)))


SecretUrl = Annotated[str, AfterValidator(MaskedUrl)]


class ServiceSettings(BaseSettings):
    """Read from variables named `<PREFIX><FIELD>`, such as `BILLING_DATABASE_URL`; set `env_prefix` in a subclass.

    Its repr hides passwords. Raises pydantic's `ValidationError` with the fields that are wrong. A secret has no
    default: sooner or later a default that everybody knows would be used in production.
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
        """What the REST API calls: the rpc role of another process, or the use cases in this one."""
        return "gateway" if self.rpc_target else "in_process"

    @property
    def connections(self) -> int:
        """Most connections of this process to one backing service: one for each thread of both servers, and the worker's."""
        return 2 * self.threads + 8

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @classmethod
    def documentation(cls) -> str:
        """Return a Markdown table of all variables: name, default, purpose."""
        rows = ["| variable | default | what it is for |", "|---|---|---|"]
        for name, field in cls.model_fields.items():
            default = (
                "must be set" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
            )
            rows.append(f"| `{cls.variable(name)}` | {default} | {field.description or ''} |")
        return "\n".join(rows)

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of the variable that the field is read from."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    @classmethod
    def refusals(cls, error: ValidationError | SettingsError) -> list[str]:
        """Return what is wrong with the environment, one sentence for each variable, without its value."""
        if isinstance(
            error, SettingsError
        ):  # a list or an object that is no JSON; its message quotes the field
            wrong = [(name, "is no JSON") for name in cls.model_fields if f'"{name}"' in str(error)]
        else:
            found = [(str(each["loc"][0]), each) for each in error.errors(include_url=False) if each["loc"]]
            wrong = [
                (name, "is not set" if each["type"] == "missing" else f"is wrong ({each['msg']})")
                for name, each in found
            ]
        return [
            f"{cls.variable(name)} {what}. It is for: {cls.model_fields[name].description}"
            for name, what in dict(wrong).items()
        ] or [str(error)]


class CallingServiceSettings(ServiceSettings):
    """Settings of a service that calls others with tokens of its own."""

    service_key: str = Field(
        min_length=1, description="The file of the private key (PEM) that signs this service's own tokens."
    )
    service_key_id: str = Field(
        default="",
        description="The key's name in the key set that others verify with (kid); empty: its RFC 7638 thumbprint.",
    )
