from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Presences, Transactions, UnitOfWork
from aether_user.application.views import own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOutEverywhere(port.SignOutEverywhere):
    """Ends every session of the caller."""

    transactions: Transactions
    presences: Presences
    clock: Clock

    def __call__(self, request: types.SignOutEverywhereRequest, /) -> types.Empty:
        user_id = own_id(request.caller)

        def end(unit: UnitOfWork) -> None:
            user = unit.users.hold(user_id)
            # Read the clock after locking: every earlier session is then older.
            now = self.clock.now()
            unit.users.save(user.sign_out_everywhere(now=now))
            unit.sessions.revoke_all(user_id, now=now)

        self.transactions.run(end)
        self.presences.gone(user_id, None)
        return types.Empty()
