from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Presences, Transactions, UnitOfWork
from aether_user.application.views import own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(port.EndSession):
    """Ends a session of the caller's, such as that of a lost device. No effect if it has ended or is another user's."""

    transactions: Transactions
    presences: Presences
    clock: Clock

    def __call__(self, request: types.EndSessionRequest, /) -> types.Empty:
        self.end(own_id(request.caller), request.id)
        return types.Empty()

    def end(self, user_id: int, session_id: int) -> None:
        """End the session if it is this user's."""

        def end(unit: UnitOfWork) -> None:
            # Lock the user before reading the session, to see the result of a concurrent refresh.
            unit.users.hold(user_id)
            session = unit.sessions.get(session_id)
            if session is not None and session.user_id == user_id and session.revoked_at is None:
                unit.sessions.save(session.revoke(now=self.clock.now()))

        self.transactions.run(end)
        self.presences.gone(user_id, session_id)
