"""Settings of the service: environment variables that begin with PROMOTION_."""

from types import MappingProxyType
from typing import ClassVar

from aether_adapters.service.settings import CallingServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(CallingServiceSettings):
    """The settings of every service, and this domain's own."""

    model_config = SettingsConfigDict(env_prefix="PROMOTION_")
    needed_by: ClassVar = MappingProxyType(
        {**CallingServiceSettings.needed_by, "trade_target": frozenset({"worker"})}
    )

    queue: int = Field(
        default=512,
        ge=0,
        description="Requests that may wait for a thread: a rush of claims.",
    )
    user_rate: float = Field(default=20.0, gt=0, description="Requests per second of one user.")
    user_burst: int = Field(default=200, ge=1, description="Requests of one user at once.")
    address_rate: float = Field(default=500.0, gt=0, description="Requests per second of one address.")
    address_burst: int = Field(default=5000, ge=1, description="Requests of one address at once.")
    claim_rate: float = Field(default=2.0, gt=0, description="Claims per second of one user.")
    claim_burst: int = Field(default=20, ge=1, description="Claims of one user at once.")
    sql_rate: float = Field(
        default=50.0,
        gt=0,
        description="Claims and reservations per second that a process sends to SQL while Redis is down.",
    )
    sql_burst: int = Field(
        default=50,
        ge=1,
        description="Claims and reservations that a process sends to SQL at once while Redis is down.",
    )
    trade_target: str = Field(default="127.0.0.1:9090", description="host:port of trade's gRPC server.")
    trade_audience: str = Field(
        default="",
        description="Whom tokens for trade are meant for (aud): a name in its TRADE_TOKEN_AUDIENCE; empty: as here.",
    )
    desk_seconds: float = Field(
        default=0.5, gt=0, description="Interval at which claim authorities are maintained, in seconds."
    )
    stock_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Interval at which the stock in Redis is compared with SQL, in seconds.",
    )
    sweep_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Interval of the search for expired reservations and locks, in seconds.",
    )
