from dataclasses import dataclass

from aether_user.application.ports import Clock, Transactions


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSessions:
    """Deletes expired sessions, and expired tokens to reset passwords."""

    transactions: Transactions
    clock: Clock

    def __call__(self) -> bool:
        """Delete a small batch, because a long delete would block sign-ins. Return whether more may be waiting."""
        now = self.clock.now()
        self.transactions.run(lambda unit: unit.resets.forget_expired(now))
        return self.transactions.run(lambda unit: unit.sessions.forget_expired(now)) > 0
