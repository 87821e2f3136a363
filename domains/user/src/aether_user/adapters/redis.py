"""Data in Redis: open sessions and users' cards.

The service works without it: sessions continue and are listed again once they are refreshed, and cards are read from
the database.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import orjson
import structlog
from aether_adapters.kernel.errors import Exhausted, Unavailable
from aether_adapters.redis.cache import Cache
from redis import Redis

from aether_user.application.ports import SESSIONS_SHOWN, Card, Presence
from aether_user.domain.values import Role, Status

_LOG: Final = structlog.get_logger("aether.user")


class RedisPresences:
    """One hash for each user, with a field for each session; it expires with the last session."""

    def __init__(self, client: Redis) -> None:
        self._redis = client

    def note(self, user_id: int, presence: Presence, /) -> None:
        value = orjson.dumps(
            {
                "opened_at": presence.opened_at.timestamp(),
                "seen_at": presence.seen_at.timestamp(),
                "expires_at": presence.expires_at.timestamp(),
                "address": presence.address,
            }
        )
        key = _sessions(user_id)
        with self._redis.pipeline() as pipeline:
            pipeline.hset(key, str(presence.session_id), value)
            # All sessions live equally long after they were last seen, so the one written last expires last.
            pipeline.expireat(key, int(presence.expires_at.timestamp()) + 1)
            pipeline.hlen(key)
            _ignore_outage("session not noted", user_id, lambda: self._trim(key, pipeline.execute()[-1]))

    def gone(self, user_id: int, session_id: int | None, /, *, but: int | None = None) -> None:
        key = _sessions(user_id)

        def remove() -> object:
            if session_id is not None:
                return self._redis.hdel(key, str(session_id))
            if but is None:
                return self._redis.delete(key)
            others = [name for name in self._redis.hkeys(key) if int(name) != but]
            return self._redis.hdel(key, *others) if others else None

        _ignore_outage("ended session is still noted", user_id, remove)

    def of(self, user_id: int, /, *, now: datetime) -> tuple[Presence, ...]:
        fields = self._redis.hgetall(_sessions(user_id))
        presences = [_presence(int(name), value) for name, value in fields.items()]
        active = [presence for presence in presences if presence.expires_at > now]
        active.sort(key=lambda presence: presence.session_id, reverse=True)
        return tuple(active[:SESSIONS_SHOWN])

    def _trim(self, key: str, count: int) -> None:
        """Forget the oldest sessions of a user who has twice as many as are shown; many of them have expired."""
        if count > 2 * SESSIONS_SHOWN:
            names = sorted(map(int, self._redis.hkeys(key)))
            self._redis.hdel(key, *map(str, names[:-SESSIONS_SHOWN]))


class RedisCards:
    """Cache of users' cards in front of `load`, for `seconds`; a missing user is cached only briefly."""

    def __init__(self, client: Redis, load: Callable[[int], Card | None], *, seconds: float) -> None:
        self._cache = Cache(
            client,
            "aether-user-card-1",
            lambda key: load(int(key)),
            dump=_dump,
            parse=_parse,
            seconds=seconds,
        )

    def get(self, user_id: int, /) -> Card | None:
        return self._cache.get(str(user_id))

    def forget(self, user_id: int, /) -> None:
        _ignore_outage("changed card is still kept", user_id, lambda: self._cache.invalidate(str(user_id)))


def _ignore_outage(message: str, user_id: int, action: Callable[[], object]) -> None:
    try:
        action()
    except (Unavailable, Exhausted) as error:
        _LOG.warning(message, user_id=user_id, reason=error.reason)


def _sessions(user_id: int) -> str:
    return f"aether-user-sessions:{user_id}"


def _presence(session_id: int, value: bytes | str) -> Presence:
    document = orjson.loads(value)
    opened_at, seen_at, expires_at = (
        datetime.fromtimestamp(document[name], UTC) for name in ("opened_at", "seen_at", "expires_at")
    )
    return Presence(
        session_id=session_id,
        opened_at=opened_at,
        seen_at=seen_at,
        expires_at=expires_at,
        address=document["address"],
    )


def _dump(card: Card) -> bytes:
    return orjson.dumps(
        {
            "id": card.id,
            "username": card.username,
            "display_name": card.display_name,
            "status": card.status.value,
            "roles": sorted(role.value for role in card.roles),
        }
    )


def _parse(data: bytes) -> Card:
    document = orjson.loads(data)
    return Card(
        id=document["id"],
        username=document["username"],
        display_name=document["display_name"],
        status=Status(document["status"]),
        roles=frozenset(map(Role, document["roles"])),
    )
