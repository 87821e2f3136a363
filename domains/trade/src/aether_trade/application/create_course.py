from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import operators_only
from aether_trade.application.ports import Clock, Ids, Transactions
from aether_trade.application.views import course_view
from aether_trade.domain.course import Course
from aether_trade.domain.values import Title, price


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCourse(port.CreateCourse):
    """Adds a course to the catalogue."""

    transactions: Transactions
    clock: Clock
    ids: Ids

    def __call__(self, request: types.CreateCourseRequest, /) -> types.Course:
        operators_only(request.caller)
        course = Course(
            id=self.ids.next(),
            title=Title.of(request.title),
            price_cents=price(request.price_cents),
            on_sale=request.on_sale,
            created_at=self.clock.now(),
        )
        return course_view(self.transactions.run(lambda unit: unit.courses.add(course)))
