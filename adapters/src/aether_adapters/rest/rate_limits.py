"""Rate limits of a REST edge: by user and by address, told in the fields that clients can act on.

The fields are those of https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10. What counts
is handed in as a callable, so that the door does not know where it counts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, Protocol

from aether_adapters.kernel.errors import Exhausted
from aether_adapters.kernel.identity import Identity

Field = tuple[str, str]


class Allowance(Protocol):
    """What a bucket answers; `retry_after` is in seconds, 0 when allowed."""

    @property
    def allowed(self) -> bool: ...
    @property
    def remaining(self) -> int: ...
    @property
    def retry_after(self) -> float: ...


Bucket = Callable[[str], Allowance]
"""Spends one token of a key if there is one. It may block, and must not raise because a server is away."""


class By(Enum):
    """Whom a limit counts for."""

    ADDRESS = "address"
    USER = "user"
    """The subject of the token; a request without one is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`burst` requests at once and `rate` in a second, for each user or for each address.

    `name` is what clients are told; `bucket` must have the same rate and burst.
    """

    name: str
    by: By
    rate: float
    burst: int
    bucket: Bucket

    @property
    def policy(self) -> str:
        """The RateLimit-Policy item: a quota, and the seconds in which it fills up again."""
        return f'"{self.name}";q={self.burst};w={math.ceil(self.burst / self.rate)}'


class LimitReached(Exhausted):
    """More than a limit allows; `fields` tell which one."""

    def __init__(self, limit: Limit, allowance: Allowance) -> None:
        super().__init__(
            f"This is more than the limit {limit.name} allows: come back later.",
            retry_after=allowance.retry_after,
        )
        self.fields = _fields(limit, allowance)


_NONE: Final[Mapping[str, Sequence[Limit]]] = MappingProxyType({})


class Limits:
    """The limits of an edge: `everywhere`, and before those the ones of single operations, by operationId.

    A shared bucket is asked over the network, so it is asked in one of `threads` threads of its own: whoever
    waits for a limit takes none from the use cases.
    """

    def __init__(
        self,
        *,
        everywhere: Sequence[Limit] = (),
        operations: Mapping[str, Sequence[Limit]] = _NONE,
        threads: int = 4,
    ) -> None:
        self._everywhere = tuple(everywhere)
        self._operations = dict(operations)
        self._pool = ThreadPoolExecutor(threads, "limits")

    def of(self, operation_id: str) -> Gate | None:
        """What stands before an operation, its own limits first; None where nothing does."""
        limits = (*self._operations.get(operation_id, ()), *self._everywhere)
        return Gate(limits, self._pool) if limits else None


class Gate:
    """The limits of one operation."""

    def __init__(self, limits: Sequence[Limit], pool: ThreadPoolExecutor) -> None:
        self._limits = tuple(limits)
        self._pool = pool

    async def __call__(self, identity: Identity, address: str) -> tuple[Field, ...]:
        """Count one request; the header fields its answer carries. Raises `LimitReached`."""
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, context.run, self._take, identity, address
        )

    def _take(self, identity: Identity, address: str) -> tuple[Field, ...]:
        nearest: tuple[Limit, Allowance] | None = None
        for limit in self._limits:
            key = address if limit.by is By.ADDRESS else identity.subject
            if not key:
                continue
            allowance = limit.bucket(key)
            if not allowance.allowed:
                raise LimitReached(limit, allowance)
            if nearest is None or allowance.remaining < nearest[1].remaining:
                nearest = limit, allowance
        return () if nearest is None else _fields(*nearest)


def _fields(limit: Limit, allowance: Allowance) -> tuple[Field, ...]:
    wait = allowance.retry_after or max(0.0, (limit.burst - allowance.remaining) / limit.rate)
    return (
        ("ratelimit-policy", limit.policy),
        ("ratelimit", f'"{limit.name}";r={allowance.remaining};t={math.ceil(wait)}'),
    )
