from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.choose_password import ChoosePassword
from aether_user.application.ports import Clock, Passwords, Presences, Throttle, Transactions, UnitOfWork
from aether_user.application.views import id_in, own_id
from aether_user.domain.errors import OldPasswordWrong, UserIsBanned
from aether_user.domain.values import Password


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(port.ChangePassword):
    """Replaces the password of a caller who knows the old one, and ends every other session.

    Whoever has stolen an access token can guess no faster here than by signing in.
    """

    transactions: Transactions
    throttle: Throttle
    passwords: Passwords
    choose_password: ChoosePassword
    presences: Presences
    clock: Clock

    def __call__(self, request: types.ChangePasswordRequest, /) -> types.Empty:
        user_id, keep = own_id(request.caller), id_in(request.caller.session)
        old = Password.typed(request.old_password)
        user = self.transactions.read(lambda unit: unit.users.get(user_id))
        new = self.choose_password(request.new_password, *user.names)
        self.passwords.admit()
        self.throttle.take(user.username.folded, request.client_address)
        if not self.passwords.match(user.password_hash, old, trusted=True):
            raise OldPasswordWrong
        old_hash, new_hash = user.password_hash, self.passwords.hash(new, trusted=True)

        def change(unit: UnitOfWork) -> None:
            held = unit.users.hold(user_id)
            if held.banned_at is not None:
                raise UserIsBanned(held.banned_at)
            if held.password_hash != old_hash:
                # It was changed, reset or hashed anew meanwhile: perhaps the old password is none any more.
                raise OldPasswordWrong
            # Read the clock after locking: every earlier token is then older.
            now = self.clock.now()
            unit.users.save(held.change_password(new_hash, now=now))
            unit.sessions.revoke_all(user_id, now=now, but=keep)
            unit.resets.remove_all(user_id)

        self.transactions.run(change)
        self.presences.gone(user_id, None, but=keep)
        return types.Empty()
