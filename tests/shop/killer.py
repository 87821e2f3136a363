"""Kills roles like a crash, preferably in the middle of a transaction, and restarts them at once."""

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
_TRANSACTION_TIMEOUT_SECONDS: Final = 6.0
"""How long to wait for a transaction before a role is killed without one."""
_START_TIMEOUT_SECONDS: Final = 120.0
"""How long a restarted role may take to be ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill, and whether the process then had an open transaction, and one that had written."""

    victim: Victim
    in_flight: bool
    writing: bool


class Killer:
    """Kills one role after another, at random moments, and restarts each at once."""

    def __init__(self, shop: System, transactions: OpenTransactions, chance: Random) -> None:
        self._shop = shop
        self._transactions = transactions
        self._chance = chance

    def kill(self, victim: Victim) -> Kill:
        """Kill the role once it is at work, and restart it.

        Most are killed after a write and before its commit. The process is stopped during the inspection, so it dies
        with the transactions that were seen.
        """
        # Mostly with the whole shop at work, so that there is something to interrupt; else while others restart.
        for role in VICTIMS if self._chance.random() < 0.7 else (victim,):
            self._wait_until_at_work(role)
        time.sleep(self._chance.uniform(0, 0.5))
        now = time.monotonic()
        give_up = now + _TRANSACTION_TIMEOUT_SECONDS
        any_will_do = now + _TRANSACTION_TIMEOUT_SECONDS / 2 * (self._chance.random() < 0.75)
        found: Sequence[bool] = ()
        while not found and _has_transactions(victim) and time.monotonic() < give_up:
            found = self._killed_in_flight(victim, must_write=time.monotonic() < any_will_do)
        if not found:
            self._shop.kill(*victim)
        self._shop.start(*victim)
        return Kill(victim=victim, in_flight=bool(found), writing=any(found))

    def _killed_in_flight(self, victim: Victim, *, must_write: bool) -> Sequence[bool]:
        """Kill the role if it has the right transactions now. Return them, or nothing if it was not killed."""
        pid = self._shop.pid(*victim)
        connections = self._transactions.connections(pid)
        for _ in range(50):
            time.sleep(self._chance.uniform(0, 0.005))
            if not _suitable(self._transactions.open_in(connections), must_write=must_write):
                continue
            with standing_still(pid):
                found = self._transactions.open_in(connections)
                if _suitable(found, must_write=must_write):
                    self._shop.kill(*victim)
                    return found
        return ()

    def _wait_until_at_work(self, victim: Victim) -> None:
        give_up = time.monotonic() + _START_TIMEOUT_SECONDS
        while not self._shop.role_ready(*victim):
            if not self._shop.alive(*victim) or time.monotonic() > give_up:
                log = self._shop.log(*victim).read_text(errors="replace")
                raise AssertionError(
                    f"{victim} was not ready within {_START_TIMEOUT_SECONDS:.0f} s:\n{log[-3000:]}"
                )
            time.sleep(0.1)


def _suitable(found: Sequence[bool], *, must_write: bool) -> bool:
    return any(found) if must_write else bool(found)


def _has_transactions(victim: Victim) -> bool:
    """Return whether the role has transactions; a gateway has none."""
    return victim[1] != "api"


def drawn(kills: int, chance: Random) -> Sequence[Victim]:
    """Return the victims in order: a fair share for each role, and the rest among those that have transactions.

    Of a hundred kills, each of the nine roles gets at least eight.
    """
    share = max(1, kills * 8 // 100)
    at_work = [victim for victim in VICTIMS if _has_transactions(victim)]
    victims = [*VICTIMS] * share + chance.choices(at_work, k=max(0, kills - share * len(VICTIMS)))
    chance.shuffle(victims)
    return victims
