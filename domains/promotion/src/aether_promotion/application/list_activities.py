from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.page_size import page_size
from aether_promotion.application.page_token import page_start, page_token
from aether_promotion.application.ports import Transactions
from aether_promotion.application.views import activity_view


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActivities(port.ListActivities):
    """Lists flash sales, newest first."""

    transactions: Transactions

    def __call__(
        self,
        request: types.ListActivitiesRequest,
        /,
    ) -> types.ListActivitiesResponse:
        size = page_size(request.page_size)
        before = page_start(request.page_token)
        # One more than the page shows: it tells whether there is a next page.
        found = self.transactions.read(lambda unit: unit.activities.page(before=before, limit=size + 1))
        shown = found[:size]
        return types.ListActivitiesResponse(
            activities=tuple(map(activity_view, shown)),
            next_page_token=page_token(shown[-1].id) if len(found) > size else "",
        )
