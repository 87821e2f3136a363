from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Ids, Throttle, Transactions
from aether_user.domain.password_reset import ResetRequest
from aether_user.domain.values import LOGIN_LIMIT_CHARACTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPasswordReset(port.RequestPasswordReset):
    """Stores that somebody wants to reset a password; the worker looks for the user.

    So the answer, its time and its limits are the same whether there is such a user or not.
    """

    transactions: Transactions
    throttle: Throttle
    clock: Clock
    ids: Ids

    def __call__(self, request: types.RequestPasswordResetRequest, /) -> types.Empty:
        self.throttle.take(request.login, request.client_address)
        now = self.clock.now()
        asked = ResetRequest(
            id=self.ids.next(),
            login=request.login[:LOGIN_LIMIT_CHARACTERS],  # nobody has a longer name
            requested_at=now,
            due_at=now,
        )
        self.transactions.run(lambda unit: unit.reset_requests.add(asked))
        return types.Empty()
