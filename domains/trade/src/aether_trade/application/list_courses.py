from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import is_operator
from aether_trade.application.paging import PAGES
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.application.views import course_view
from aether_trade.domain.course import Course


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCourses(port.ListCourses):
    """Lists the courses on sale, newest first; all of them for operators."""

    transactions: Transactions

    def __call__(self, request: types.ListCoursesRequest, /) -> types.ListCoursesResponse:
        page = PAGES.page(request.page_size, request.page_token)
        on_sale_only = not is_operator(request.caller)

        def load(unit: UnitOfWork) -> tuple[Course, ...]:
            return unit.courses.page(on_sale_only=on_sale_only, before=page.before, limit=page.limit)

        shown, next_page_token = page.split(self.transactions.read(load))
        return types.ListCoursesResponse(
            courses=tuple(map(course_view, shown)),
            next_page_token=next_page_token,
            next_link=page.link("/v1/courses", next_page_token),
        )
