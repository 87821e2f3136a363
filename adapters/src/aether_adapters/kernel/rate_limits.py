"""Rate limits by user and by address; both servers count against the same.

Responses over REST carry the fields of https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10.
Where tokens are counted is a `Counter`'s business, so that this module does not depend on a server.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from aether_adapters.kernel.addresses import counted_as
from aether_adapters.kernel.errors import Exhausted
from aether_adapters.kernel.identity import Identity

Field = tuple[str, str]


class Draw(NamedTuple):
    """Tokens wanted from the bucket `key`, which holds up to `burst` and gains `rate` a second."""

    key: str
    rate: float
    burst: int
    cost: int = 1


class Allowance(NamedTuple):
    """A bucket's decision: `remaining` whole tokens; `retry_after` in seconds, 0 when allowed."""

    allowed: bool
    remaining: int
    retry_after: float


class Counter(Protocol):
    """Counts the tokens of buckets. Neither method waits for more than some milliseconds, or raises for a lost server."""

    def take(self, draws: Sequence[Draw], /) -> Sequence[Allowance]:
        """Make all draws, or none if a bucket has too few tokens; for threads.

        Raises `ValueError` for a bucket without a rate or burst, or a cost above the burst.
        """
        ...

    def take_soon(self, draws: Sequence[Draw], /) -> Awaitable[Sequence[Allowance]]:
        """Do the same without blocking the running event loop."""
        ...


def check(draw: Draw) -> None:
    """Raise `ValueError` for a draw that no bucket can serve."""
    _, rate, burst, cost = draw
    if rate <= 0 or burst < 1:
        raise ValueError(f"rate is {rate} and burst {burst}; a bucket needs rate > 0 and burst >= 1.")
    if not 1 <= cost <= burst:
        raise ValueError(f"cost is {cost}; it must be between 1 and the burst, {burst}.")


class By(Enum):
    """What a limit counts by."""

    ADDRESS = "address"
    """The client's address, or its network of IPv6."""
    USER = "user"
    """The token's subject; a request without one is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Up to `burst` requests at once and `rate` requests per second, for each user or address.

    Clients see `name`. Limits with one `scope` (by default the name) share the buckets of a `counter`.
    """

    name: str
    by: By
    rate: float
    burst: int
    counter: Counter
    scope: str = ""

    @property
    def policy(self) -> str:
        """The RateLimit-Policy item: the quota, and the seconds until an empty bucket is full."""
        return f'"{self.name}";q={self.burst};w={math.ceil(self.burst / self.rate)}'


class LimitReached(Exhausted):
    """A request exceeds a limit; `fields` are the header fields that name it."""

    def __init__(self, limit: Limit, allowance: Allowance) -> None:
        super().__init__(
            f"The limit {limit.name} is exceeded; try again later.",
            retry_after=allowance.retry_after,
        )
        self.fields = _fields(limit, limit.policy, allowance)


_NO_LIMITS: Final[Mapping[str, Sequence[Limit]]] = MappingProxyType({})


class Limits:
    """The limits of a service: first those of one operation (`operations`, by operationId), then `everywhere`.

    A gRPC call counts against the limits of the operations of its method.
    """

    def __init__(
        self,
        *,
        everywhere: Sequence[Limit] = (),
        operations: Mapping[str, Sequence[Limit]] = _NO_LIMITS,
    ) -> None:
        self._everywhere = tuple(everywhere)
        self._operations = dict(operations)

    def of(self, *operation_ids: str) -> OperationLimits | None:
        """Return the limits of these operations, their own first; None if there are none.

        Raises `ValueError` for limits with different counters, which cannot be taken together.
        """
        own = (limit for operation_id in operation_ids for limit in self._operations.get(operation_id, ()))
        limits = tuple(dict.fromkeys((*own, *self._everywhere)))
        return OperationLimits(limits) if limits else None


class _Counted(NamedTuple):
    limit: Limit
    prefix: str
    by_address: bool
    policy: str


class OperationLimits:
    """The limits of one operation. A request takes a token of each, or of none if one refuses it."""

    def __init__(self, limits: tuple[Limit, ...]) -> None:
        """Raises `ValueError` for limits with different counters."""
        self._counter = limits[0].counter
        if any(limit.counter is not self._counter for limit in limits):
            names = ", ".join(limit.name for limit in limits)
            raise ValueError(f"limits {names}: the limits of one operation must share one counter")
        self._limits = tuple(
            _Counted(limit, f"{limit.scope or limit.name}:", limit.by is By.ADDRESS, limit.policy)
            for limit in limits
        )

    def take(self, identity: Identity, address: str) -> tuple[Field, ...]:
        """Count one request and return the header fields of its response; for threads. Raises `LimitReached`."""
        counted, draws = self._draws(identity, address)
        return _settled(counted, self._counter.take(draws)) if draws else ()

    async def take_soon(self, identity: Identity, address: str) -> tuple[Field, ...]:
        """Do the same without blocking the running event loop."""
        counted, draws = self._draws(identity, address)
        return _settled(counted, await self._counter.take_soon(draws)) if draws else ()

    def _draws(self, identity: Identity, address: str) -> tuple[list[_Counted], list[Draw]]:
        counted, draws = [], []
        for each in self._limits:
            key = counted_as(address) if each.by_address else identity.subject
            if key:
                limit = each.limit
                counted.append(each)
                draws.append(Draw(each.prefix + key, limit.rate, limit.burst))
        return counted, draws


def _settled(counted: Sequence[_Counted], allowances: Sequence[Allowance]) -> tuple[Field, ...]:
    """Return the fields of the limit that is nearest to its end. Raises `LimitReached` for the first that refuses."""
    nearest, least = counted[0], allowances[0]
    for each, allowance in zip(counted, allowances, strict=True):
        if not allowance.allowed:
            raise LimitReached(each.limit, allowance)
        if allowance.remaining < least.remaining:
            nearest, least = each, allowance
    return _fields(nearest.limit, nearest.policy, least)


def _fields(limit: Limit, policy: str, allowance: Allowance) -> tuple[Field, ...]:
    wait = allowance.retry_after or max(0.0, (limit.burst - allowance.remaining) / limit.rate)
    return (
        ("ratelimit-policy", policy),
        ("ratelimit", f'"{limit.name}";r={allowance.remaining};t={math.ceil(wait)}'),
    )
