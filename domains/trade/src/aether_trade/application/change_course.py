from dataclasses import dataclass

from aether.trade.v1 import port, types
from aether_trade.application.callers import operators_only
from aether_trade.application.ports import Transactions, UnitOfWork
from aether_trade.application.views import course_view
from aether_trade.domain.course import Course
from aether_trade.domain.values import Title, price


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCourse(port.ChangeCourse):
    """Changes a course's title and price, and puts it on or off sale. Existing orders do not change."""

    transactions: Transactions

    def __call__(self, request: types.ChangeCourseRequest, /) -> types.Course:
        operators_only(request.caller)
        title, price_cents = Title.of(request.title), price(request.price_cents)

        def change(unit: UnitOfWork) -> Course:
            course = unit.courses.get(request.id).change(
                version=request.version,
                title=title,
                price_cents=price_cents,
                on_sale=request.on_sale,
            )
            return unit.courses.save(course)

        return course_view(self.transactions.run(change))
