"""What the service can be told: variables that begin with PROMOTION_."""

from aether_adapters.service.settings import CallingServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(CallingServiceSettings):
    """Those of every service, and this domain's own."""

    model_config = SettingsConfigDict(env_prefix="PROMOTION_")

    queue: int = Field(
        default=512,
        ge=0,
        description="Use cases that may wait for a thread: a stampede of claims.",
    )
    user_rate: float = Field(default=20.0, gt=0, description="Requests of one user in a second.")
    user_burst: int = Field(default=200, ge=1, description="How many of them at once.")
    address_rate: float = Field(default=500.0, gt=0, description="Requests from one address in a second.")
    address_burst: int = Field(default=5000, ge=1, description="How many of them at once.")
    claim_rate: float = Field(default=2.0, gt=0, description="Claims of one user in a second.")
    claim_burst: int = Field(default=20, ge=1, description="How many of them at once.")
    sql_rate: float = Field(
        default=50.0,
        gt=0,
        description="Claims and reservations in a second that a process lets through to SQL while Redis is away.",
    )
    sql_burst: int = Field(
        default=50,
        ge=1,
        description="How many of them at once.",
    )
    trade_target: str = Field(default="127.0.0.1:9090", description="host:port where trade answers gRPC.")
    desk_seconds: float = Field(
        default=0.5, gt=0, description="How often it is looked after who decides claims, in seconds."
    )
    stock_seconds: float = Field(
        default=1.0, gt=0, description="How often the stock in Redis is held against SQL, in seconds."
    )
    sweep_seconds: float = Field(
        default=1.0, gt=0, description="How often expired reservations and locks are looked for, in seconds."
    )
