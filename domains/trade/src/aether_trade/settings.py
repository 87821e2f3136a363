"""Settings of the service: environment variables that begin with TRADE_."""

from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar

from aether_adapters.service.settings import CallingServiceSettings, MaskedUrl, SecretUrl, StrongText
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(CallingServiceSettings):
    """The settings of every service, and this domain's own."""

    model_config = SettingsConfigDict(env_prefix="TRADE_")
    needed_by: ClassVar = MappingProxyType(
        {**CallingServiceSettings.needed_by, "promotion_target": frozenset({"use_cases", "worker"})}
    )

    queue: int = Field(
        default=256,
        ge=0,
        description="Requests that may wait for a thread: a sale's rush, and repeated requests for one order.",
    )
    promotion_target: str = Field(
        default="127.0.0.1:9090", description="host:port of promotion's gRPC server."
    )
    promotion_audience: str = Field(
        default="",
        description="Whom tokens for promotion are meant for (aud): a name in its PROMOTION_TOKEN_AUDIENCE; empty: as here.",
    )
    user_rate: float = Field(default=20.0, gt=0, description="Requests per second of one user.")
    user_burst: int = Field(default=200, ge=1, description="Requests of one user at once.")
    address_rate: float = Field(default=500.0, gt=0, description="Requests per second of one address.")
    address_burst: int = Field(default=5000, ge=1, description="Requests of one address at once.")
    payment_seconds: float = Field(
        default=900.0, gt=0, description="How long an order can be paid, in seconds."
    )
    grace_seconds: float = Field(
        default=60.0,
        ge=1,
        description="How much longer stock and coupons are held, in seconds: a payment's event needs time to arrive.",
    )
    payment_url: SecretUrl = Field(min_length=1, description="URL of the payment provider.")
    payment_secrets: tuple[StrongText, ...] = Field(
        min_length=1,
        repr=False,
        description="Secrets shared with the provider, a JSON list of texts of 16 characters or more: the first signs, "
        "all of them verify.",
    )
    payment_notify_url: SecretUrl = Field(
        default=MaskedUrl(),
        description="URL at which the provider reaches POST /v1/payment-notices; empty: this process's REST address.",
    )
    closing_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Interval of the search for overdue orders and owed refunds, in seconds.",
    )

    key_days: float = Field(default=7.0, gt=0, description="How long an idempotency key is kept, in days.")

    @property
    def key_life(self) -> timedelta:
        """How long an idempotency key is kept."""
        return timedelta(days=self.key_days)

    @property
    def payment_time(self) -> timedelta:
        """How long an order can be paid."""
        return timedelta(seconds=self.payment_seconds)

    @property
    def grace(self) -> timedelta:
        """How long stock and coupons are held after the payment deadline."""
        return timedelta(seconds=self.grace_seconds)

    @property
    def notify_url(self) -> str:
        """The URL to which the provider sends its notices."""
        return self.payment_notify_url or f"http://{self.rest_host}:{self.rest_port}/v1/payment-notices"
