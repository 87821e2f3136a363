from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import is_operator
from aether_trade.application.ports import Transactions
from aether_trade.application.views import course_view
from aether_trade.domain.errors import CourseNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCourse(port.GetCourse):
    """Reads a course. Only operators see one that is not on sale."""

    transactions: Transactions

    def __call__(self, request: types.GetCourseRequest, /) -> types.Course:
        course = self.transactions.read(lambda unit: unit.courses.get(request.id))
        if not (course.on_sale or is_operator(request.caller)):
            raise CourseNotFound(request.id)
        return course_view(course)
