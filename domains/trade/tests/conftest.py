"""The service on memory adapters, as the container puts it together on real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import orjson
import pytest
from aether_adapters.auth.webhook_signatures import sign
from aether_adapters.kernel.clock import SystemStopwatch
from aether_adapters.kernel.recent_refusals import RecentRefusals
from aether_adapters.testing.memory import MemoryClock, MemoryIds

from aether.common.v1.types import Caller
from aether.trade.v1 import port, types
from aether_trade.adapters.remembered_refusals import RememberedRefusals
from aether_trade.application.cancel_order import CancelOrder
from aether_trade.application.change_course import ChangeCourse
from aether_trade.application.close_overdue_orders import CloseOverdueOrders
from aether_trade.application.create_course import CreateCourse
from aether_trade.application.finish_order import FinishOrder
from aether_trade.application.get_course import GetCourse
from aether_trade.application.get_order import GetOrder
from aether_trade.application.get_order_state import GetOrderState
from aether_trade.application.list_courses import ListCourses
from aether_trade.application.list_orders import ListOrders
from aether_trade.application.place_order import PlaceOrder
from aether_trade.application.place_order_saga import PlaceOrderSaga
from aether_trade.application.receive_payment_notice import ReceivePaymentNotice
from aether_trade.application.refund_order import RefundOrder
from aether_trade.application.send_refunds import SendRefunds
from aether_trade.application.start_payment import StartPayment

from .memory import MemoryTransactions
from .memory_services import MemoryPayments, MemoryPromotions

ADA = Caller(subject="ada", roles=("customer",), session="")
BOB = Caller(subject="bob", roles=("customer",), session="")
OPERATOR = Caller(subject="olga", roles=("operator",), session="")
PAYMENT_TIME = timedelta(minutes=15)
GRACE = timedelta(seconds=60)


@dataclass
class Stopwatch:
    """The seconds by which refusals are remembered; a test moves them."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class World:
    """The whole service on memory adapters, with what a test controls, and the actions of its users."""

    service: port.TradeService
    close_overdue: CloseOverdueOrders
    send_refunds: SendRefunds
    transactions: MemoryTransactions
    promotions: MemoryPromotions
    payments: MemoryPayments
    clock: MemoryClock
    stopwatch: Stopwatch
    _keys: "count[int]" = field(default_factory=count)

    def course(self, price_cents: int = 1000, *, on_sale: bool = True, title: str = "Hexagons") -> int:
        """Create a course. Return its id."""
        request = types.CreateCourseRequest(
            caller=OPERATOR, title=title, price_cents=price_cents, on_sale=on_sale
        )
        return self.service.create_course(request).id

    def place(
        self,
        *items: types.OrderItem,
        caller: Caller = ADA,
        key: str | None = None,
        coupons: Sequence[int] = (),
    ) -> types.Order:
        request = types.PlaceOrderRequest(
            caller=caller,
            idempotency_key=f"key-{next(self._keys)}" if key is None else key,
            items=items,
            coupon_ids=tuple(coupons),
        )
        return self.service.place_order(request)

    def get(self, order_id: int, caller: Caller = OPERATOR) -> types.Order:
        return self.service.get_order(types.GetOrderRequest(caller=caller, id=order_id))

    def notice(self, order: types.Order, *, kind: str = "payment.succeeded", **changes: str) -> bool:
        """Notify the service that the order was paid. Return whether the notice changed anything."""
        document = {
            "type": kind,
            "paymentId": f"pay_{order.id}",
            "orderId": str(order.id),
            "amountCents": str(order.payable_cents),
            **changes,
        }
        return self.send_notice(orjson.dumps(document))

    def send_notice(self, payload: bytes, secret: str = MemoryPayments.SECRET) -> bool:
        request = types.ReceivePaymentNoticeRequest(payload=payload, signature=sign(secret, payload))
        return self.service.receive_payment_notice(request).news


def item(course_id: int, quantity: int = 1, activity_id: int | None = None) -> types.OrderItem:
    return types.OrderItem(course_id=course_id, quantity=quantity, activity_id=activity_id)


@pytest.fixture
def world() -> World:
    transactions, clock, ids = MemoryTransactions(), MemoryClock(), MemoryIds()
    promotions, payments = MemoryPromotions(), MemoryPayments()
    stopwatch = Stopwatch()
    remembering = RememberedRefusals(promotions, clock, RecentRefusals(stopwatch))
    saga = PlaceOrderSaga(
        transactions=transactions,
        promotions=remembering,
        clock=clock,
        ids=ids,
        payment_time=PAYMENT_TIME,
        grace=GRACE,
    )
    return World(
        service=port.TradeService(
            create_course=CreateCourse(transactions=transactions, clock=clock, ids=ids),
            get_course=GetCourse(transactions=transactions),
            list_courses=ListCourses(transactions=transactions),
            change_course=ChangeCourse(transactions=transactions),
            place_order=PlaceOrder(
                saga=saga,
                transactions=transactions,
                refusals=remembering,
                ids=MemoryIds(),  # so that the orders of a test count from one
                stopwatch=SystemStopwatch(),
            ),
            get_order=GetOrder(transactions=transactions),
            list_orders=ListOrders(transactions=transactions),
            start_payment=StartPayment(transactions=transactions, payments=payments, clock=clock),
            receive_payment_notice=ReceivePaymentNotice(
                transactions=transactions, payments=payments, clock=clock, ids=ids
            ),
            cancel_order=CancelOrder(transactions=transactions, clock=clock),
            finish_order=FinishOrder(transactions=transactions, clock=clock),
            refund_order=RefundOrder(transactions=transactions, clock=clock, ids=ids),
            get_order_state=GetOrderState(transactions=transactions),
        ),
        close_overdue=CloseOverdueOrders(transactions=transactions, clock=clock),
        send_refunds=SendRefunds(transactions=transactions, payments=payments, clock=clock),
        transactions=transactions,
        promotions=promotions,
        payments=payments,
        clock=clock,
        stopwatch=stopwatch,
    )
