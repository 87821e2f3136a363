from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import is_operator
from aether_trade.application.paging import page_size, page_start, split
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.application.views import course_view
from aether_trade.domain.course import Course


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCourses(port.ListCourses):
    """Lists the courses on sale, newest first; all of them for operators."""

    transactions: Transactions

    def __call__(self, request: types.ListCoursesRequest, /) -> types.ListCoursesResponse:
        size = page_size(request.page_size)
        before = page_start(request.page_token)
        on_sale_only = not is_operator(request.caller)

        def page(unit: UnitOfWork) -> tuple[Course, ...]:
            return unit.courses.page(on_sale_only=on_sale_only, before=before, limit=size + 1)

        shown, following = split(self.transactions.read(page), size, "/v1/courses")
        return types.ListCoursesResponse(
            courses=tuple(map(course_view, shown)),
            next_page_token=following.token,
            next_link=following.link,
        )
