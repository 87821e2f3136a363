from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Transactions
from aether_user.application.views import own_id, profile


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProfile(port.GetProfile):
    """Reads the caller's own profile."""

    transactions: Transactions

    def __call__(self, request: types.GetProfileRequest, /) -> types.Profile:
        user_id = own_id(request.caller)
        return profile(self.transactions.read(lambda unit: unit.users.get(user_id)))
