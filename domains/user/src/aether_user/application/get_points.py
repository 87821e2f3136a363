from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Transactions
from aether_user.application.views import own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPoints(port.GetPoints):
    """Reads the caller's points. They are counted from trade's events, so they may lag behind the orders."""

    transactions: Transactions

    def __call__(self, request: types.GetPointsRequest, /) -> types.Points:
        user_id = own_id(request.caller)
        return types.Points(balance=self.transactions.read(lambda unit: unit.ledger.balance(user_id)))
