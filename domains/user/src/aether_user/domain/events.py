"""What has happened, in the words of the domain; `adapters/events.py` says it to other services."""

from dataclasses import dataclass
from datetime import datetime

from aether_user.domain.values import Username


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRegistered:
    user_id: int
    username: Username
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanged:
    user_id: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserBanned:
    user_id: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUnbanned:
    user_id: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsRevoked:
    """Access tokens issued until now count no longer: those of one session, or of all where it is None."""

    user_id: int
    session_id: int | None
    occurred_at: datetime


UserEvent = UserRegistered | UserChanged | UserBanned | UserUnbanned | SessionsRevoked
