"""Rate limits of the REST server, by user and by address.

Responses carry the fields of https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10.
The bucket is a callable, so that this module does not depend on where it counts.
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
    """A bucket's decision; `retry_after` is in seconds, 0 when allowed."""

    @property
    def allowed(self) -> bool: ...
    @property
    def remaining(self) -> int: ...
    @property
    def retry_after(self) -> float: ...


Bucket = Callable[[str], Allowance]
"""Takes one token of a key if there is one. It may block, but must not raise when a server is unavailable."""


class By(Enum):
    """What a limit counts by."""

    ADDRESS = "address"
    USER = "user"
    """The token's subject; a request without one is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Up to `burst` requests at once and `rate` requests per second, for each user or address.

    Clients see `name`; `bucket` must have the same rate and burst.
    """

    name: str
    by: By
    rate: float
    burst: int
    bucket: Bucket

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
        self.fields = _fields(limit, allowance)


_NO_LIMITS: Final[Mapping[str, Sequence[Limit]]] = MappingProxyType({})


class Limits:
    """The limits of a server: first those of one operation (`operations`, by operationId), then `everywhere`.

    A shared bucket is a network call, so it runs in a pool of `threads` threads of its own and takes none
    from the use cases.
    """

    def __init__(
        self,
        *,
        everywhere: Sequence[Limit] = (),
        operations: Mapping[str, Sequence[Limit]] = _NO_LIMITS,
        threads: int = 4,
    ) -> None:
        self._everywhere = tuple(everywhere)
        self._operations = dict(operations)
        self._pool = ThreadPoolExecutor(threads, "limits")

    def of(self, operation_id: str) -> OperationLimits | None:
        """Return the limits of an operation, its own first; None if it has none."""
        limits = (*self._operations.get(operation_id, ()), *self._everywhere)
        return OperationLimits(limits, self._pool) if limits else None


class OperationLimits:
    """The limits of one operation."""

    def __init__(self, limits: Sequence[Limit], pool: ThreadPoolExecutor) -> None:
        self._limits = tuple(limits)
        self._pool = pool

    async def __call__(self, identity: Identity, address: str) -> tuple[Field, ...]:
        """Count one request and return the header fields of its response. Raises `LimitReached`."""
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
