"""What the service can be told: variables that begin with USER_."""

from datetime import timedelta

from aether_adapters.service.settings import ServiceSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from aether_user.domain.keys import Terms

_CLOCKS_DIFFER = timedelta(seconds=60)


class Settings(ServiceSettings):
    """Those of every service, and this domain's own."""

    model_config = SettingsConfigDict(env_prefix="USER_")

    access_seconds: int = Field(
        default=300,
        ge=10,
        le=3600,
        description="Seconds an access token lives; a ban's longest way to an API.",
    )
    session_days: float = Field(
        default=14.0, gt=0, description="Days a session lives after its tokens were last renewed."
    )
    key_days: float = Field(default=30.0, gt=0, description="Days one key signs before the next one does.")
    key_lead_seconds: float = Field(
        default=900.0,
        ge=60,
        description="Seconds a new key is published before it signs; more than any API keeps an old key set.",
    )
    key_secret: SecretStr = Field(
        min_length=16,
        description="What signing keys are encrypted with in the database, 16 characters or more.",
    )
    hash_passes: int = Field(default=3, ge=1, description="Argon2id's passes over its memory (RFC 9106: t).")
    hash_kibibytes: int = Field(default=65536, ge=8, description="Argon2id's memory for one password (m).")
    hash_lanes: int = Field(default=4, ge=1, description="Argon2id's lanes (p).")
    hashes_at_once: int = Field(
        default=4, ge=1, description="Passwords hashed at the same time, each in its own memory."
    )
    card_seconds: float = Field(
        default=60.0, gt=0, description="Seconds a user's card is cached for services."
    )

    account_rate: float = Field(default=0.1, gt=0, description="Tries to sign in as one user in a second.")
    account_burst: int = Field(default=10, ge=1, description="How many of them at once.")
    door_rate: float = Field(
        default=1.0, gt=0, description="Tries to sign in, or to register, from one address in a second."
    )
    door_burst: int = Field(default=30, ge=1, description="How many of them at once.")
    user_rate: float = Field(default=20.0, gt=0, description="Requests of one user in a second.")
    user_burst: int = Field(default=100, ge=1, description="How many of them at once.")
    address_rate: float = Field(default=100.0, gt=0, description="Requests from one address in a second.")
    address_burst: int = Field(default=500, ge=1, description="How many of them at once.")

    @property
    def session_life(self) -> timedelta:
        return timedelta(days=self.session_days)

    @property
    def key_terms(self) -> Terms:
        """An old key stays until a token of its last moment has expired everywhere."""
        return Terms(
            term=timedelta(days=self.key_days),
            lead=timedelta(seconds=self.key_lead_seconds),
            keep=timedelta(seconds=self.access_seconds) + _CLOCKS_DIFFER,
        )

    @property
    def secret(self) -> str:
        return self.key_secret.get_secret_value()
