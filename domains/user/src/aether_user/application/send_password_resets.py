from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aether_user.application.ports import Clock, Randomness, ResetMessages, Transactions, UnitOfWork
from aether_user.domain.password_reset import PasswordReset, ResetRequest, ResetToken

RETRY_AFTER: Final = timedelta(minutes=1)
"""When a message that could not be sent, or whose sender died, is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPasswordResets:
    """Sends a token to the user of each request that is due, at least once, until the token would have expired."""

    transactions: Transactions
    messages: ResetMessages
    clock: Clock
    randomness: Randomness
    life: timedelta

    def __call__(self) -> bool:
        """Handle one request. Return whether there was one. Raises `Unavailable` if the message cannot be sent now."""
        now = self.clock.now()
        if not self.transactions.read(lambda unit: unit.reset_requests.waiting(now)):
            return False
        request = self.transactions.run(
            lambda unit: unit.reset_requests.take(now, again_at=now + RETRY_AFTER)
        )
        if request is None:
            return False
        if now < request.requested_at + self.life:
            self._send(request, now)
        self.transactions.run(lambda unit: unit.reset_requests.remove(request.id))
        return True

    def _send(self, request: ResetRequest, now: datetime) -> None:
        token = ResetToken.new(self.randomness.text)

        def open_reset(unit: UnitOfWork) -> tuple[str, str] | None:
            user = unit.users.by_login(request.login)
            email = None if user is None else user.reset_email(now=now)
            if user is None or email is None:
                return None
            unit.resets.add(PasswordReset.open(token, user_id=user.id, now=now, life=self.life))
            return email.text, user.username.text

        # Stored first: a token must be good once its message arrives.
        recipient = self.transactions.run(open_reset)
        if recipient is not None:
            email, username = recipient
            self.messages.send(email, username=username, token=token, expires_at=now + self.life)
