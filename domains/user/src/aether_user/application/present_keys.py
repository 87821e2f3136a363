from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from aether_user.application.ports import Clock, KeyMaker, Transactions, UnitOfWork
from aether_user.domain.errors import KeysHaveChanged
from aether_user.domain.keys import KeyRing, SigningKey, Terms

REMEMBERED: Final = timedelta(seconds=10)
"""How long a process goes on with the keys it read; far less than a key is published before it signs."""


@dataclass(slots=True)
class _Memory:
    ring: KeyRing = field(default_factory=KeyRing)
    until: datetime | None = None
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentKeys:
    """The keys of now. Whoever asks when one is due makes it, so that rotation needs nobody to remember it.

    A new key is published before it signs, and an old one until its last token has expired: no verifier meets a
    key it cannot know.
    """

    transactions: Transactions
    maker: KeyMaker
    clock: Clock
    terms: Terms
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False, compare=False)

    def __call__(self) -> KeyRing:
        """The ring, with a key that signs now."""
        memory, now = self._memory, self.clock.now()
        with memory.lock:
            if memory.until is None or not memory.until - REMEMBERED <= now < memory.until:
                memory.ring = self._read(now)
                memory.until = now + REMEMBERED
            return memory.ring

    def signing(self) -> SigningKey:
        """The key that signs now."""
        ring, now = self(), self.clock.now()
        # The oldest where the clock went back to before it was made: it is published, so its tokens are good.
        return ring.signing(now) or ring.keys[0]

    def _read(self, now: datetime) -> KeyRing:
        ring = self.transactions.read(_ring)
        if ring.next_signs_from(now, self.terms) is None and not ring.spent(now, self.terms):
            return ring
        try:
            return self.transactions.run(self._kept(now))
        except KeysHaveChanged:
            # Another process was quicker, with a key that is as good.
            return self.transactions.read(_ring)

    def _kept(self, now: datetime) -> Callable[[UnitOfWork], KeyRing]:
        made = self.maker.make()

        def keep(unit: UnitOfWork) -> KeyRing:
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

        return keep


def _ring(unit: UnitOfWork) -> KeyRing:
    return unit.keys.ring()
