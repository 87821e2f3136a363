from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Cards, Clock, Transactions, UnitOfWork
from aether_user.application.views import operators_only, profile
from aether_user.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbanUser(port.UnbanUser):
    """Lifts a ban, so that the user can sign in again. Earlier sessions stay revoked."""

    transactions: Transactions
    cards: Cards
    clock: Clock

    def __call__(self, request: types.UnbanUserRequest, /) -> types.Profile:
        operators_only(request.caller)

        def unban(unit: UnitOfWork) -> User:
            user = unit.users.hold(request.id)
            return unit.users.save(user.unban(now=self.clock.now()))

        user = self.transactions.run(unban)
        self.cards.forget(user.id)
        return profile(user)
