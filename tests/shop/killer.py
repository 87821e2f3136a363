"""Kills roles as a crash would, at best in the middle of a transaction, and starts them again at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.shop.system import DOMAINS, ROLES, System
from tests.shop.transactions import OpenTransactions
from tests.support.roles import standing_still

Victim = tuple[str, str]

VICTIMS: Final = tuple((domain, role) for domain in DOMAINS for role in ROLES)
_PATIENCE: Final = 6.0
"""Seconds that a role may go without a transaction before it is killed as it is."""
_START: Final = 120.0
"""Seconds that a role may need to be at work again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill; whether the process had a transaction open in the database then, and one that had written."""

    victim: Victim
    in_flight: bool
    writing: bool


class Killer:
    """Kills one role after another, each at a moment of its own, and starts it again at once."""

    def __init__(self, shop: System, transactions: OpenTransactions, chance: Random) -> None:
        self._shop = shop
        self._transactions = transactions
        self._chance = chance

    def kill(self, victim: Victim) -> Kill:
        """Kill the role once it is at work, and start it again.

        Most are killed when they have written and not committed. The process stands still while it is looked at, so
        what is seen is what it dies with.
        """
        # Mostly with the whole shop at work, so that there is something to interrupt; else while others come back.
        for role in VICTIMS if self._chance.random() < 0.7 else (victim,):
            self._wait_until_at_work(role)
        time.sleep(self._chance.uniform(0, 0.5))
        now = time.monotonic()
        give_up, any_will_do = now + _PATIENCE, now + _PATIENCE / 2 * (self._chance.random() < 0.75)
        found: Sequence[bool] = ()
        while not found and _has_transactions(victim) and time.monotonic() < give_up:
            found = self._killed_in_flight(victim, must_write=time.monotonic() < any_will_do)
        if not found:
            self._shop.kill(*victim)
        self._shop.start(*victim)
        return Kill(victim=victim, in_flight=bool(found), writing=any(found))

    def _killed_in_flight(self, victim: Victim, *, must_write: bool) -> Sequence[bool]:
        """The transactions it was killed with; none where it has not the right ones at this moment, and lives."""
        pid = self._shop.pid(*victim)
        connections = self._transactions.connections(pid)
        for _ in range(50):
            time.sleep(self._chance.uniform(0, 0.005))
            if not _right(self._transactions.open_in(connections), must_write=must_write):
                continue
            with standing_still(pid):
                found = self._transactions.open_in(connections)
                if _right(found, must_write=must_write):
                    self._shop.kill(*victim)
                    return found
        return ()

    def _wait_until_at_work(self, victim: Victim) -> None:
        give_up = time.monotonic() + _START
        while not self._shop.role_ready(*victim):
            if not self._shop.alive(*victim) or time.monotonic() > give_up:
                log = self._shop.log(*victim).read_text(errors="replace")
                raise AssertionError(f"{victim} did not come back within {_START:.0f} s:\n{log[-3000:]}")
            time.sleep(0.1)


def _right(found: Sequence[bool], *, must_write: bool) -> bool:
    return any(found) if must_write else bool(found)


def _has_transactions(victim: Victim) -> bool:
    """A gateway has none of its own."""
    return victim[1] != "api"


def drawn(kills: int, chance: Random) -> Sequence[Victim]:
    """Whom to kill, in which order: each role a fair share, and the rest among those that have transactions.

    Of a hundred kills, each of the nine roles has at least eight.
    """
    share = max(1, kills * 8 // 100)
    at_work = [victim for victim in VICTIMS if _has_transactions(victim)]
    victims = [*VICTIMS] * share + chance.choices(at_work, k=max(0, kills - share * len(VICTIMS)))
    chance.shuffle(victims)
    return victims
