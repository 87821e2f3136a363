from dataclasses import dataclass

from aether_user.application.ports import Cards, Clock, Transactions, UnitOfWork
from aether_user.domain.errors import UsernameUnknown
from aether_user.domain.user import User
from aether_user.domain.values import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantOperator:
    """Makes a registered user an operator. The service's administrators need it for the first one.

    Returns the user, unchanged if already an operator. Raises `UsernameUnknown`.
    """

    transactions: Transactions
    cards: Cards
    clock: Clock

    def __call__(self, username: str, /) -> User:
        def grant(unit: UnitOfWork) -> User:
            found = unit.users.by_login(username)
            if found is None:
                raise UsernameUnknown(username)
            user = unit.users.hold(found.id)
            if Role.OPERATOR in user.roles:
                return user
            roles = user.roles | {Role.OPERATOR}
            return unit.users.save(user.set_roles(roles, version=user.version, now=self.clock.now()))

        user = self.transactions.run(grant)
        self.cards.forget(user.id)
        return user
