from dataclasses import dataclass

from aether_user.application.ports import Clock, Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSessions:
    """Deletes expired sessions."""

    transactions: Transactions
    clock: Clock

    def __call__(self) -> int:
        """Delete them in small batches, because a long delete would block sign-ins. Return how many."""
        now, total = self.clock.now(), 0
        while deleted := self.transactions.run(lambda unit: unit.sessions.forget_expired(now)):
            total += deleted
        return total
