from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from aether_user.application.ports import Clock, KeyMaker, Transactions, UnitOfWork
from aether_user.domain.errors import KeysHaveChanged
from aether_user.domain.keys import KeyRing, SigningKey, Terms

CACHE_TIME: Final = timedelta(seconds=10)
"""How long a process caches the keys: far less than a key is published before it signs."""


@dataclass(slots=True)
class _Memory:
    ring: KeyRing = field(default_factory=KeyRing)
    until: datetime | None = None
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentKeys:
    """The current keys. Whoever asks when a new key is due creates it, so rotation needs no scheduled job.

    A new key is published before it signs, and an old one until its last token has expired: no verifier meets an
    unknown key.
    """

    transactions: Transactions
    maker: KeyMaker
    clock: Clock
    terms: Terms
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False, compare=False)

    def __call__(self) -> KeyRing:
        """Return the key ring, which has a key that signs now."""
        memory, now = self._memory, self.clock.now()
        with memory.lock:
            if memory.until is None or not memory.until - CACHE_TIME <= now < memory.until:
                memory.ring = self._read(now)
                memory.until = now + CACHE_TIME
            return memory.ring

    def signing(self) -> SigningKey:
        """Return the key that signs now."""
        ring, now = self(), self.clock.now()
        # The oldest key if the clock went back to before its creation: it is published, so its tokens are valid.
        return ring.signing(now) or ring.keys[0]

    def _read(self, now: datetime) -> KeyRing:
        ring = self.transactions.read(_ring)
        if ring.next_signs_from(now, self.terms) is None and not ring.spent(now, self.terms):
            return ring
        try:
            return self.transactions.run(self._rotate(now))
        except KeysHaveChanged:
            # Another process added a key first; use that one.
            return self.transactions.read(_ring)

    def _rotate(self, now: datetime) -> Callable[[UnitOfWork], KeyRing]:
        made = self.maker.make()

        def rotate(unit: UnitOfWork) -> KeyRing:
            ring = unit.keys.ring()
            signs_from = ring.next_signs_from(now, self.terms)
            if signs_from is not None:
                key = SigningKey(
                    number=ring.next_number(),
                    kid=made.kid,
                    x=made.x,
                    y=made.y,
                    private_pem=made.private_pem,
                    signs_from=signs_from,
                )
                unit.keys.add(key)
            for key in ring.spent(now, self.terms):
                unit.keys.remove(key.number)
            return unit.keys.ring()

        return rotate


def _ring(unit: UnitOfWork) -> KeyRing:
    return unit.keys.ring()
