from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.ports import Transactions
from aether_promotion.application.views import activity_view


@dataclass(frozen=True, slots=True, kw_only=True)
class GetActivity(port.GetActivity):
    """Reads a flash sale, for every caller who is signed in."""

    transactions: Transactions

    def __call__(self, request: types.GetActivityRequest, /) -> types.Activity:
        return activity_view(self.transactions.read(lambda unit: unit.activities.get(request.id)))
