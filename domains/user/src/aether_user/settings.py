"""Settings of the service: environment variables that begin with USER_."""

from datetime import timedelta

from aether_adapters.service.settings import ServiceSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from aether_user.domain.keys import Terms

_CLOCK_SKEW = timedelta(seconds=60)


class Settings(ServiceSettings):
    """The settings of every service, and this domain's own."""

    model_config = SettingsConfigDict(env_prefix="USER_")

    access_seconds: int = Field(
        default=300,
        ge=10,
        le=3600,
        description="Lifetime of an access token in seconds; a ban takes effect everywhere within it.",
    )
    session_days: float = Field(
        default=14.0, gt=0, description="Lifetime of a session after its last token refresh, in days."
    )
    key_days: float = Field(
        default=30.0, gt=0, description="How long a key signs before the next one does, in days."
    )
    key_lead_seconds: float = Field(
        default=900.0,
        ge=60,
        description="How long a new key is published before it signs, in seconds; longer than any API caches keys.",
    )
    key_secret: SecretStr = Field(
        min_length=16,
        description="Secret that encrypts the signing keys in the database, 16 characters or more.",
    )
    hash_passes: int = Field(default=3, ge=1, description="Argon2id's passes over the memory (RFC 9106: t).")
    hash_kibibytes: int = Field(
        default=65536, ge=8, description="Argon2id's memory for one password, in KiB (m)."
    )
    hash_lanes: int = Field(default=4, ge=1, description="Argon2id's lanes (p).")
    hashes_at_once: int = Field(
        default=4, ge=1, description="Passwords hashed at once, each with its own memory."
    )
    card_seconds: float = Field(
        default=60.0, gt=0, description="How long a user's card is cached, in seconds."
    )

    account_rate: float = Field(default=0.1, gt=0, description="Attempts per second to sign in as one user.")
    account_burst: int = Field(default=10, ge=1, description="Attempts at once to sign in as one user.")
    door_rate: float = Field(
        default=1.0, gt=0, description="Attempts per second to sign in or to register from one address."
    )
    door_burst: int = Field(
        default=30, ge=1, description="Attempts at once to sign in or to register from one address."
    )
    user_rate: float = Field(default=20.0, gt=0, description="Requests per second of one user.")
    user_burst: int = Field(default=100, ge=1, description="Requests of one user at once.")
    address_rate: float = Field(default=100.0, gt=0, description="Requests per second of one address.")
    address_burst: int = Field(default=500, ge=1, description="Requests of one address at once.")

    @property
    def session_life(self) -> timedelta:
        return timedelta(days=self.session_days)

    @property
    def key_terms(self) -> Terms:
        """The lifetimes of a signing key. An old key stays until its last token has expired, with clock skew."""
        return Terms(
            term=timedelta(days=self.key_days),
            lead=timedelta(seconds=self.key_lead_seconds),
            keep=timedelta(seconds=self.access_seconds) + _CLOCK_SKEW,
        )

    @property
    def secret(self) -> str:
        return self.key_secret.get_secret_value()
