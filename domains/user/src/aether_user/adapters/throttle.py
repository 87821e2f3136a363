"""Limits of attempts to sign in, counted in Redis, and in each process while Redis is away."""

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Final

import structlog
from aether_adapters.kernel.addresses import counted_as
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Exhausted, Unavailable
from aether_adapters.redis import FallbackTokenBucket
from redis import Redis

_LOG: Final = structlog.get_logger("aether.user")
_REDIS_TIMEOUT_SECONDS: Final = 0.25
_PLACES_IN_MEMORY: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Allows `burst` attempts at once, refilled at `rate` per second."""

    rate: float
    burst: int


class RedisThrottle:
    """Counts attempts for each address, for each account at each address, and for each account at unknown addresses.

    An account is counted by its login name in any case, an IPv6 address by its /64 network. The addresses that an
    account signed in from are known for `known`.
    """

    def __init__(
        self,
        client: Redis,
        name: str,
        secrets: tuple[str, ...],
        *,
        address: Pace,
        account: Pace,
        strangers: Pace,
        known: timedelta,
    ) -> None:
        """`name` separates what is counted; the known addresses are the same under every name.

        The first of `secrets` makes the keys in Redis; addresses that are known by the others stay so.
        """

        def bucket(kind: str, pace: Pace) -> FallbackTokenBucket:
            return FallbackTokenBucket(client, f"{name}-{kind}", pace.rate, pace.burst)

        self._address = bucket("address", address)
        self._account = bucket("account", account)
        self._strangers = bucket("strangers", strangers)
        self._known = _KnownPlaces(client, known)
        self._digests = tuple(_Digest(secret) for secret in secrets)

    def take(self, login: str, address: str, /) -> bool:
        network = counted_as(address)
        places = [digest(login.lower(), network) for digest in self._digests]
        _spend(self._address, network)
        _spend(self._account, places[0])
        # Last, so that an address which has no tries left takes none of the others'.
        known = self._known.has(places)
        if not known:
            _spend(self._strangers, self._digests[0](login.lower()))
        return known

    def remember(self, logins: tuple[str, ...], address: str, /) -> None:
        network = counted_as(address)
        self._known.add([self._digests[0](login.lower(), network) for login in logins])


class _KnownPlaces:
    """The pairs of account and address that signed in; those of this process only while Redis is away."""

    def __init__(self, client: Redis, life: timedelta) -> None:
        self._redis = client
        self._life = life
        self._here: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def add(self, places: list[str]) -> None:
        with self._lock:
            for place in places:
                self._here[place] = None
                self._here.move_to_end(place)
            while len(self._here) > _PLACES_IN_MEMORY:
                self._here.popitem(last=False)
        with self._redis.pipeline() as pipeline:
            for place in places:
                pipeline.set(_key(place), "1", ex=self._life)
            try:
                with within(_REDIS_TIMEOUT_SECONDS):
                    pipeline.execute()
            except (Unavailable, Exhausted, DeadlineExceeded) as error:
                _LOG.warning("address is known to this process only", reason=error.reason)

    def has(self, places: list[str]) -> bool:
        """Whether one of these, which are one place under different secrets, is known."""
        try:
            with within(_REDIS_TIMEOUT_SECONDS):
                return bool(self._redis.exists(*map(_key, places)))
        except (Unavailable, Exhausted, DeadlineExceeded):
            with self._lock:
                return not self._here.keys().isdisjoint(places)


def _spend(bucket: FallbackTokenBucket, key: str) -> None:
    taken = bucket(key)
    if not taken.allowed:
        raise Exhausted("Too many attempts: try again later.", retry_after=taken.retry_after)


class _Digest:
    """Keyed digests (RFC 2104), because Redis keys must not hold personal data, and mobiles are quickly tried out."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"keys of the throttle", "sha256")

    def __call__(self, *parts: str) -> str:
        return hmac.digest(self._key, "\n".join(parts).encode(errors="surrogatepass"), "sha256").hex()


def _key(place: str) -> str:
    return f"aether-user-known:{place}"
