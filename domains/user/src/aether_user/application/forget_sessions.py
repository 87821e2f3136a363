from dataclasses import dataclass

from aether_user.application.ports import Clock, Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSessions:
    """Deletes sessions that nobody can go on with any more."""

    transactions: Transactions
    clock: Clock

    def __call__(self) -> int:
        """How many went, in small bites: a long delete would stand in the way of those who sign in."""
        now, gone = self.clock.now(), 0
        while some := self.transactions.run(lambda unit: unit.sessions.forget_expired(now)):
            gone += some
        return gone
