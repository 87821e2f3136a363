from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Presences, Transactions, UnitOfWork
from aether_user.application.views import own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut(port.SignOut):
    """Ends the caller's session; ending it again, or a token's that has none, changes nothing."""

    transactions: Transactions
    presences: Presences
    clock: Clock

    def __call__(self, request: types.SignOutRequest, /) -> types.Empty:
        user_id, text = own_id(request.caller), request.caller.session
        if not (text.isascii() and text.isdigit()):
            return types.Empty()
        session_id = int(text)

        def end(unit: UnitOfWork) -> None:
            # Held before it is read: of a refresh at the same time this sees what came out of it.
            unit.users.hold(user_id)
            session = unit.sessions.get(session_id)
            if session is not None and session.user_id == user_id and session.revoked_at is None:
                unit.sessions.save(session.revoke(now=self.clock.now()))

        self.transactions.run(end)
        self.presences.gone(user_id, session_id)
        return types.Empty()
