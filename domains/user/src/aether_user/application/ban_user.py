from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Cards, Clock, Presences, Transactions, UnitOfWork
from aether_user.application.views import operators_only, profile
from aether_user.domain.errors import CannotBanYourself
from aether_user.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class BanUser(port.BanUser):
    """Bans a user and revokes all refresh tokens; its event revokes the access tokens."""

    transactions: Transactions
    presences: Presences
    cards: Cards
    clock: Clock

    def __call__(self, request: types.BanUserRequest, /) -> types.Profile:
        operators_only(request.caller)
        if request.caller.subject == str(request.id):
            raise CannotBanYourself(request.id)

        def ban(unit: UnitOfWork) -> User:
            user = unit.users.hold(request.id)
            # Read the clock after locking: tokens of earlier lock holders are then older than the ban.
            now = self.clock.now()
            banned = unit.users.save(user.ban(now=now))
            unit.sessions.revoke_all(request.id, now=now)
            return banned

        user = self.transactions.run(ban)
        self.cards.forget(user.id)
        self.presences.gone(user.id, None)
        return profile(user)
