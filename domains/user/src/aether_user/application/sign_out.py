from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Presences, Transactions, UnitOfWork
from aether_user.application.views import own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut(port.SignOut):
    """Ends the caller's session. No effect if it has ended, or if the token has no session."""

    transactions: Transactions
    presences: Presences
    clock: Clock

    def __call__(self, request: types.SignOutRequest, /) -> types.Empty:
        user_id, text = own_id(request.caller), request.caller.session
        if not (text.isascii() and text.isdigit()):
            return types.Empty()
        session_id = int(text)

        def end(unit: UnitOfWork) -> None:
            # Lock the user before reading the session, to see the result of a concurrent refresh.
            unit.users.hold(user_id)
            session = unit.sessions.get(session_id)
            if session is not None and session.user_id == user_id and session.revoked_at is None:
                unit.sessions.save(session.revoke(now=self.clock.now()))

        self.transactions.run(end)
        self.presences.gone(user_id, session_id)
        return types.Empty()
