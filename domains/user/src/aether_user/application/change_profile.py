from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Cards, Clock, Transactions, UnitOfWork
from aether_user.application.views import own_id, profile
from aether_user.domain.user import User
from aether_user.domain.values import DisplayName, Email


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProfile(port.ChangeProfile):
    """Changes the fields of the profile that the caller sent, if the caller has seen the current version."""

    transactions: Transactions
    cards: Cards
    clock: Clock

    def __call__(self, request: types.ChangeProfileRequest, /) -> types.Profile:
        user_id, now = own_id(request.caller), self.clock.now()
        name = None if request.display_name is None else DisplayName.of(request.display_name)
        email = Email.of(request.email) if request.email else None

        def change(unit: UnitOfWork) -> User:
            user = unit.users.get(user_id)
            changed = user.change_profile(
                version=request.version,
                display_name=name or user.display_name,
                email=user.email if request.email is None else email,
                now=now,
            )
            if changed.email != user.email:
                # Tokens to reset the password were sent to the old address, which may be another's by now.
                unit.resets.remove_all(user_id)
            return unit.users.save(changed)

        user = self.transactions.run(change)
        self.cards.forget(user_id)
        return profile(user)
