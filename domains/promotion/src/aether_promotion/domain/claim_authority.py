"""The desk of a template: who decides its claims now, and how many are accounted for.

Redis decides within a *generation*, to which all that is left of the quota is handed. A generation ends once: with a
mark in the log of claims, behind which none of its claims counts. Until that mark has come back nobody decides, then
the count is exact again, and SQL or the next generation goes on from it (docs/adr/0010).
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
    """The generation named here; the count follows through the log."""
    NOBODY = "nobody"
    """The generation named here has ended, and its last claims are still on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAuthority:
    """`claimed` of `quota` are persisted. `server` is the Redis process that decides, `since` when that began or ended."""

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
        """Whether SQL may give one more: it decides, and the quota is not used up."""
        return self.decides is Decides.SQL and self.left > 0

    def accepts(self, generation: int) -> bool:
        """Whether a claim of this generation that is in the log by now is binding."""
        return self.decides is Decides.REDIS and self.generation == generation

    def void(self, generation: int) -> bool:
        """Whether a claim that comes out of the log now stood behind the mark of its generation."""
        return generation < self.generation or (generation == self.generation and self.decides is Decides.SQL)

    def hand_over(self, server: str, now: datetime) -> Self:
        """Let `server` decide about all that is left, as a new generation. Only where SQL decides."""
        if self.decides is not Decides.SQL:
            raise ValueError(f"{self} cannot be handed over: its count is not exact.")
        return replace(self, generation=self.generation + 1, decides=Decides.REDIS, server=server, since=now)

    def close(self, now: datetime) -> Self:
        """End the generation, and say so in the log; the same desk where there is none to end."""
        if self.decides is not Decides.REDIS:
            return self
        mark = ClaimsClosed(template_id=self.template_id, generation=self.generation, occurred_at=now)
        return replace(self, decides=Decides.NOBODY, since=now, events=(*self.events, mark))

    def settle(self, generation: int, now: datetime) -> Self:
        """The mark has come back: every claim of the generation is counted. The same desk for an older mark."""
        if self.decides is not Decides.NOBODY or self.generation != generation:
            return self
        return replace(self, decides=Decides.SQL, since=now)

    def count(self) -> Self:
        """One more is persisted."""
        return replace(self, claimed=self.claimed + 1)

    def stored(self) -> Self:
        """The same as the store keeps it: its events handed over."""
        return replace(self, events=())
