from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.paging import PAGES
from aether_promotion.application.ports import Transactions
from aether_promotion.application.views import activity_view


@dataclass(frozen=True, slots=True, kw_only=True)
class ListActivities(port.ListActivities):
    """Lists flash sales, newest first, for every caller who is signed in."""

    transactions: Transactions

    def __call__(
        self,
        request: types.ListActivitiesRequest,
        /,
    ) -> types.ListActivitiesResponse:
        page = PAGES.page(request.page_size, request.page_token)
        found = self.transactions.read(
            lambda unit: unit.activities.page(before=page.before, limit=page.limit)
        )
        shown, next_page_token = page.split(found)
        return types.ListActivitiesResponse(
            activities=tuple(map(activity_view, shown)), next_page_token=next_page_token
        )
