"""What one process knows of the token buckets in Redis, so that it can count alone at any moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from aether_adapters.kernel.rate_limits import Allowance, Draw, check
from aether_adapters.redis.memory_counter import MemoryCounter, refused
from aether_adapters.redis.metrics import COUNTED_HERE

_MICROSECONDS: Final = 1_000_000
_THOUSANDTHS: Final = 1_000
_TRUSTED_SECONDS: Final = 1.0
"""How long a shared counter's refusal holds without asking again: someone may have emptied the server."""


class Question:
    """Draws that the shared counter is asked for. The shadow settles it, once: by an answer, or by counting here."""

    __slots__ = ("allowances", "asked_at", "caps", "draws")

    def __init__(self, draws: Sequence[Draw]) -> None:
        self.draws = draws
        self.allowances: list[Allowance] | None = None
        self.asked_at = 0.0
        self.caps: Sequence[float] = ()
        """The most that each shared bucket may hold; -1 where nothing was taken here since it was last asked."""


class ShadowCounter(MemoryCounter):
    """Follows a shared counter, so that this process can count alone at any moment.

    A level here is never below the shared one: it starts from an answer of the shared counter, gains tokens at the same
    rate, and loses those that this process takes alone, though others take from the shared one too. So what is refused
    here would be refused there, and the shared level may be cut to the level here.

    A question is begun, answered and counted here under one lock. An answer that arrives between a caller's giving up
    and its count would otherwise be taken over without that count, and one request would cost two tokens.
    """

    def refusal(self, draws: Sequence[Draw], /) -> list[Allowance] | None:
        """Return the answer of the shared counter if it is certain to refuse, else None; takes nothing.

        Raises `ValueError` for an impossible draw.
        """
        with self._lock:
            now = self._clock()
            for draw in draws:
                check(draw)
                level = self._levels.get(draw.key)
                if (
                    level is not None
                    and level.tokens + (now - level.at) * draw.rate < draw.cost
                    and max(level.learned_at, level.taken_at) > now - _TRUSTED_SECONDS
                ):
                    return refused(draws, [self._level(each, now) for each in draws])
        return None

    def begin(self, question: Question) -> bool:
        """Note when the question is asked, and its caps; return False if it was counted here before."""
        with self._lock:
            if question.allowances is not None:
                return False
            now = question.asked_at = self._clock()
            question.caps = [self._cap(draw, now) for draw in question.draws]
            return True

    def count_here(self, question: Question) -> list[Allowance]:
        """Settle the question by what this process counts, unless it was answered meanwhile; return its allowances.

        What the shared counter takes for it later is the same draw.
        """
        with self._lock:
            if question.allowances is None:
                COUNTED_HERE.inc()
                question.allowances = self._take(question.draws)
            return question.allowances

    def learn(self, question: Question, numbers: Sequence[int]) -> list[Allowance]:
        """Take over the numbers that the shared counter answered (see `limit_script`); return the question's allowances."""
        allowances = []
        with self._lock:
            now = self._clock()
            for draw, number in zip(question.draws, numbers, strict=True):
                # Rounded up, and as of the question: the level here must not fall below the shared one.
                if number >= 0:
                    tokens = (number + 1) / _THOUSANDTHS
                    allowances.append(Allowance(True, number // _THOUSANDTHS, 0.0))
                else:
                    wait = -number / _MICROSECONDS
                    tokens = max(0.0, draw.cost - (wait - 1 / _MICROSECONDS) * draw.rate)
                    allowances.append(Allowance(False, math.floor(draw.cost - wait * draw.rate), wait))
                level = self._level(draw, now)
                tokens += (now - question.asked_at) * draw.rate
                if level.taken_at > question.asked_at:
                    level.tokens = min(level.tokens, tokens)
                else:
                    level.tokens = min(draw.burst, tokens)
                    level.learned_at = question.asked_at
            if question.allowances is None:
                question.allowances = allowances
            return question.allowances

    def _cap(self, draw: Draw, now: float) -> float:
        level = self._levels.get(draw.key)
        if level is None or level.taken_at <= level.learned_at:
            return -1.0
        return self._level(draw, now).tokens
