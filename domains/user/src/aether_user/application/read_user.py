from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Transactions
from aether_user.application.views import is_operator, profile
from aether_user.domain.errors import UserNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUser(port.ReadUser):
    """Reads a user. Customers see only themselves."""

    transactions: Transactions

    def __call__(self, request: types.ReadUserRequest, /) -> types.Profile:
        if request.caller.subject != str(request.id) and not is_operator(request.caller):
            raise UserNotFound(request.id)
        return profile(self.transactions.read(lambda unit: unit.users.get(request.id)))
