"""Domain events. `adapters/events.py` maps them to integration events."""

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
    """Access tokens issued until now are revoked: those of one session, or of every session for None."""

    user_id: int
    session_id: int | None
    occurred_at: datetime


UserEvent = UserRegistered | UserChanged | UserBanned | UserUnbanned | SessionsRevoked
