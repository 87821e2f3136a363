"""The claim authority of a template: who decides its claims now, and how many are persisted.

Redis decides within a *generation*, which gets all of the remaining quota. A generation ends once, with a mark in the
log of claims; its claims behind the mark are void. Nobody decides until the mark has been read from the log. Then the
count is exact again, and SQL or the next generation continues from it (docs/adr/0010).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Self

from aether_promotion.domain.events import ClaimsClosed


class Decides(Enum):
    """Who decides the claims."""

    SQL = "sql"
    """This row, under its lock; the count is exact."""
    REDIS = "redis"
    """Redis, in the current generation; the count follows through the log."""
    NOBODY = "nobody"
    """The current generation has ended, and its last claims are not persisted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAuthority:
    """`claimed` of `quota` are persisted. `server` is the Redis process that decides; `since` the last change of `decides`."""

    template_id: int
    quota: int
    since: datetime
    claimed: int = 0
    generation: int = 0
    decides: Decides = Decides.SQL
    server: str = ""
    events: tuple[ClaimsClosed, ...] = field(default=(), compare=False, repr=False)

    @property
    def left(self) -> int:
        return self.quota - self.claimed

    @property
    def gives(self) -> bool:
        """Whether SQL may grant one more: SQL decides, and the quota is not used up."""
        return self.decides is Decides.SQL and self.left > 0

    def accepts(self, generation: int) -> bool:
        """Return whether a claim of this generation that is already in the log is binding."""
        return self.decides is Decides.REDIS and self.generation == generation

    def void(self, generation: int) -> bool:
        """Return whether a claim read from the log now is behind its generation's mark."""
        return generation < self.generation or (generation == self.generation and self.decides is Decides.SQL)

    def hand_over(self, server: str, now: datetime) -> Self:
        """Start a new generation, in which `server` decides. Raises `ValueError` unless SQL decides."""
        if self.decides is not Decides.SQL:
            raise ValueError(f"{self} cannot be handed over: its count is not exact.")
        return replace(self, generation=self.generation + 1, decides=Decides.REDIS, server=server, since=now)

    def close(self, now: datetime) -> Self:
        """End the generation, with a mark for the log. Return the same claim authority if Redis does not decide."""
        if self.decides is not Decides.REDIS:
            return self
        mark = ClaimsClosed(template_id=self.template_id, generation=self.generation, occurred_at=now)
        return replace(self, decides=Decides.NOBODY, since=now, events=(*self.events, mark))

    def settle(self, generation: int, now: datetime) -> Self:
        """Let SQL decide, because the mark was read: every claim is counted. No change for an older mark."""
        if self.decides is not Decides.NOBODY or self.generation != generation:
            return self
        return replace(self, decides=Decides.SQL, since=now)

    def count(self, claims: int = 1) -> Self:
        """Count more persisted claims."""
        return replace(self, claimed=self.claimed + claims)

    def stored(self) -> Self:
        """Return the claim authority as stored: without its events."""
        return replace(self, events=())
