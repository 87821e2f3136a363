from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Cards, Clock, Transactions, UnitOfWork
from aether_user.application.views import operators_only, profile
from aether_user.domain.user import User
from aether_user.domain.values import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRoles(port.SetRoles):
    """Sets a user's roles. Tokens with the old roles are revoked; sessions continue and get the new ones."""

    transactions: Transactions
    cards: Cards
    clock: Clock

    def __call__(self, request: types.SetRolesRequest, /) -> types.Profile:
        operators_only(request.caller)
        roles = Role.all_of(request.roles)

        def give(unit: UnitOfWork) -> User:
            user = unit.users.hold(request.id)
            return unit.users.save(user.set_roles(roles, version=request.version, now=self.clock.now()))

        user = self.transactions.run(give)
        self.cards.forget(user.id)
        return profile(user)
