"""Settings of the service: environment variables that begin with USER_."""

import os
import re
import sys
from datetime import timedelta
from email.utils import parseaddr
from types import MappingProxyType
from typing import ClassVar, Final
from urllib.parse import unquote

from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.kernel.urls import split_url
from aether_adapters.service.settings import MaskedUrl, SecretUrl, ServiceSettings, StrongSecret
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from aether_user.domain.keys import Terms

_ADDRESS: Final = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_CLOCK_SKEW: Final = timedelta(seconds=60)


class Settings(ServiceSettings):
    """The settings of every service, and this domain's own."""

    model_config = SettingsConfigDict(env_prefix="USER_")
    # Tokens of users are verified with the keys in the database, so no other key set is needed.
    needed_by: ClassVar = MappingProxyType(
        {name: parts for name, parts in ServiceSettings.needed_by.items() if name != "jwks"}
    )

    access_seconds: int = Field(
        default=300,
        ge=10,
        le=3600,
        description="Lifetime of an access token in seconds; a ban takes effect everywhere within it.",
    )
    issued_audience: str = Field(
        default="",
        description="Whom access tokens are meant for (aud), with spaces between; empty: USER_TOKEN_AUDIENCE.",
    )
    session_days: float = Field(
        default=14.0, gt=0, description="Lifetime of a session after its last token refresh, in days."
    )
    key_days: float = Field(
        default=30.0, gt=0, description="How long a key signs before the next one does, in days."
    )
    key_lead_seconds: float = Field(
        default=900.0,
        ge=120,
        description="How long a new key is published before it signs, in seconds; every API reads keys once a minute.",
    )
    key_secret: StrongSecret = Field(
        description="Secret that encrypts the signing keys in the database, 16 characters or more.",
    )
    old_key_secrets: tuple[SecretStr, ...] = Field(
        default=(),
        description="Further secrets that decrypt the signing keys in the database, while the secret is replaced, as JSON: "
        '["the old one"].',
    )
    hash_passes: int = Field(default=3, ge=1, description="Argon2id's passes over the memory (RFC 9106: t).")
    hash_kibibytes: int = Field(
        default=65536, ge=8, description="Argon2id's memory for one password, in KiB (m)."
    )
    hash_lanes: int = Field(default=4, ge=1, description="Argon2id's lanes (p).")
    hashes_at_once: int = Field(
        default=0,
        ge=0,
        description="Passwords hashed at once, each with its own memory; 0: as many as the processors have lanes for.",
    )
    hash_queue: int = Field(
        default=4,
        ge=0,
        description="Passwords that may wait to be hashed; one more is refused at once. Each holds one of USER_THREADS, "
        "of which half stay free for other requests.",
    )
    card_seconds: float = Field(
        default=60.0, gt=0, description="How long a user's card is cached, in seconds."
    )

    account_rate: float = Field(
        default=0.05, gt=0, description="Attempts per second to sign in as one user from one address."
    )
    account_burst: int = Field(
        default=10, ge=1, description="Attempts at once to sign in as one user from one address."
    )
    strangers_rate: float = Field(
        default=0.2,
        gt=0,
        description="Attempts per second to sign in as one user from all addresses where the user has not signed in yet.",
    )
    strangers_burst: int = Field(
        default=100,
        ge=1,
        description="Attempts at once to sign in as one user from all such addresses; NIST SP 800-63B allows 100.",
    )
    known_days: float = Field(
        default=30.0,
        gt=0,
        description="How long an address is known after the user has signed in there, in days; the attempts of others "
        "elsewhere do not keep the user out there.",
    )
    door_rate: float = Field(
        default=1.0, gt=0, description="Attempts per second to sign in or to register from one address."
    )
    door_burst: int = Field(
        default=30, ge=1, description="Attempts at once to sign in or to register from one address."
    )
    reset_rate: float = Field(
        default=0.002,
        gt=0,
        description="Password resets per second that may be requested for one user: 0.002 is one in 8 minutes.",
    )
    reset_burst: int = Field(
        default=5, ge=1, description="Password resets at once that may be requested for one user."
    )
    reset_minutes: float = Field(
        default=30.0, gt=0, description="How long a token to reset a password is good, in minutes."
    )
    reset_link: str = Field(
        default="",
        description="The link in the message about a reset, with {token} in it; empty: the message has the bare token.",
    )
    mail_url: SecretUrl = Field(
        default=MaskedUrl(),
        description="Where messages about resets go: smtps://user:password@host:465, smtp://host:587 with STARTTLS, or "
        "file:folder in development; empty: no password can be reset.",
    )
    mail_from: str = Field(
        default="", validate_default=True, description="The address that these messages come from."
    )
    mail_tls_ca: str = Field(
        default="",
        description="The authorities that the mail server's certificate is verified with (PEM file); empty: the system's.",
    )
    user_rate: float = Field(default=20.0, gt=0, description="Requests per second of one user.")
    user_burst: int = Field(default=100, ge=1, description="Requests of one user at once.")
    address_rate: float = Field(default=100.0, gt=0, description="Requests per second of one address.")
    address_burst: int = Field(default=500, ge=1, description="Requests of one address at once.")

    @property
    def hashing(self) -> int:
        """How many passwords are hashed at once: at most half of the threads, so that other requests have the rest."""
        return min(self.hashes_at_once or max(1, _processors() // self.hash_lanes), self._half_of_threads)

    @property
    def hashes_waiting(self) -> int:
        """How many passwords may wait to be hashed; with those that are being hashed, at most half of the threads."""
        return min(self.hash_queue, self._half_of_threads - self.hashing)

    @property
    def _half_of_threads(self) -> int:
        return max(1, self.threads // 2)

    @field_validator("access_seconds")
    @classmethod
    def _accepted(cls, value: int, info: ValidationInfo) -> int:
        longest = info.data.get("token_life_seconds", value)
        if value > longest:
            raise ValueError(
                f"must not exceed USER_TOKEN_LIFE_SECONDS ({longest:g}): APIs refuse such tokens"
            )
        return value

    @property
    def audience(self) -> tuple[str, ...]:
        """Whom access tokens are meant for."""
        return tuple((self.issued_audience or self.token_audience).split())

    @property
    def session_life(self) -> timedelta:
        return timedelta(days=self.session_days)

    @property
    def reset_life(self) -> timedelta:
        return timedelta(minutes=self.reset_minutes)

    @field_validator("mail_url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if value and not value.startswith(("file:", "smtp://", "smtps://")):
            raise ValueError("it must begin with smtp://, smtps:// or file:")
        if value.startswith("smtp") and not split_url("the mail server", value).hostname:
            raise ValueError("it names no host")
        if not unquote(value).isascii():
            raise ValueError("user and password must be ASCII, because smtplib sends no others")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("mail_url", "").startswith("smtp"):
            raise ValueError(f"{cls.variable('mail_url')} needs it")
        # As in "Shop <shop@shop.example>". A line break would end the role at the first message.
        if value and not (
            value.isprintable() and _ADDRESS.fullmatch(parseaddr(value)[1]) and "," not in value
        ):
            raise ValueError("it must be one address in ASCII, with or without a name in front")
        return value

    @field_validator("mail_tls_ca")
    @classmethod
    def _usable(cls, value: str) -> str:
        for fault in TlsFiles(ca=value).faults():
            raise ValueError(str(fault))
        return value

    @field_validator("reset_link")
    @classmethod
    def _has_a_token(cls, value: str) -> str:
        if value and not ("{token}" in value and value.isprintable()):
            raise ValueError("it must contain {token}, where the token stands, and be one line")
        return value

    @property
    def known(self) -> timedelta:
        return timedelta(days=self.known_days)

    @property
    def key_terms(self) -> Terms:
        """The lifetimes of a signing key. An old key stays until its last token has expired, with clock skew."""
        return Terms(
            term=timedelta(days=self.key_days),
            lead=timedelta(seconds=self.key_lead_seconds),
            keep=timedelta(seconds=self.access_seconds) + _CLOCK_SKEW,
        )

    @property
    def key_secrets(self) -> tuple[str, ...]:
        """The secret that encrypts signing keys, then the others that decrypt them."""
        return tuple(secret.get_secret_value() for secret in (self.key_secret, *self.old_key_secrets))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
