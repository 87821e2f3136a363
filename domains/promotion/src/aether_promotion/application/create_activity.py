from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import operators_only
from aether_promotion.application.ports import Ids, Transactions
from aether_promotion.application.views import activity_view
from aether_promotion.domain.activity import Activity
from aether_promotion.domain.values import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateActivity(port.CreateActivity):
    """Plans a flash sale."""

    transactions: Transactions
    ids: Ids

    def __call__(self, request: types.CreateActivityRequest, /) -> types.Activity:
        operators_only(request.caller)
        activity = Activity.plan(
            self.ids.next(),
            title=Title.of(request.title),
            course_id=request.course_id,
            price_cents=request.price_cents,
            starts_at=request.starts_at,
            ends_at=request.ends_at,
            quantity=request.quantity,
        )
        return activity_view(self.transactions.run(lambda unit: unit.activities.add(activity)))
