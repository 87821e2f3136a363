from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.choose_password import ChoosePassword
from aether_user.application.ports import Clock, Passwords, Presences, Throttle, Transactions, UnitOfWork
from aether_user.domain.errors import ResetTokenRefused
from aether_user.domain.password_reset import PasswordReset, ResetToken
from aether_user.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(port.ResetPassword):
    """Sets the password of the user whom the token was sent to, ends every session, and uses up every token."""

    transactions: Transactions
    throttle: Throttle
    passwords: Passwords
    choose_password: ChoosePassword
    presences: Presences
    clock: Clock

    def __call__(self, request: types.ResetPasswordRequest, /) -> types.Empty:
        token = ResetToken.parse(request.token)
        if token is None:
            raise ResetTokenRefused
        digest = token.digest
        found = self.transactions.read(lambda unit: self._found(unit, digest))
        user = self.transactions.read(lambda unit: unit.users.get(found.user_id))
        # Hashed only for whoever has a token that is good.
        password = self.choose_password(request.new_password, *user.names)
        password_hash = self.passwords.hash(password, trusted=True)

        def reset(unit: UnitOfWork) -> User:
            # Lock the user before reading the reset again: of two uses of one token the later finds none.
            held = unit.users.hold(found.user_id)
            self._found(unit, digest)
            now = self.clock.now()
            unit.resets.remove_all(held.id)
            unit.sessions.revoke_all(held.id, now=now)
            return unit.users.save(held.change_password(password_hash, now=now))

        user = self.transactions.run(reset)
        self.presences.gone(user.id, None)
        self.throttle.remember(user.logins, request.client_address)
        return types.Empty()

    def _found(self, unit: UnitOfWork, digest: str) -> PasswordReset:
        found = unit.resets.by_digest(digest)
        if found is None or self.clock.now() >= found.expires_at:
            raise ResetTokenRefused
        return found
