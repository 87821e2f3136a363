from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import operators_only
from aether_promotion.application.ports import Clock, Transactions, UnitOfWork
from aether_promotion.application.views import activity_view
from aether_promotion.domain.activity import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseActivity(port.CloseActivity):
    """Ends a flash sale. SQL refuses reservations at once; the worker updates Redis a moment later."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.CloseActivityRequest, /) -> types.Activity:
        operators_only(request.caller)
        now = self.clock.now()

        def close(unit: UnitOfWork) -> Activity:
            activity = unit.activities.get(request.id)
            return unit.activities.save(activity.close(version=request.version, now=now))

        return activity_view(self.transactions.run(close))
