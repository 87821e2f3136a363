"""The use cases except placing orders, on memory adapters."""

from collections.abc import Callable
from datetime import timedelta

import orjson
import pytest

from aether.common.v1.types import Caller
from aether.trade.v1 import types
from aether_trade.application.ports import UnitOfWork
from aether_trade.domain import errors
from aether_trade.domain.events import OrderClosed, OrderRefunded
from aether_trade.domain.values import CloseReason

from .conftest import ADA, BOB, OPERATOR, PAYMENT_TIME, World, item

Status = types.OrderStatus


def ordered(world: World, quantity: int = 1, price_cents: int = 1000, caller: Caller = ADA) -> types.Order:
    return world.place(item(world.course(price_cents), quantity), caller=caller)


def paid(world: World, quantity: int = 1, price_cents: int = 1000) -> types.Order:
    order = ordered(world, quantity, price_cents)
    assert world.notice(order)
    return world.get(order.id)


def cancel(world: World, order: types.Order, caller: Caller = ADA) -> types.Order:
    request = types.CancelOrderRequest(caller=caller, id=order.id, version=order.version)
    return world.service.cancel_order(request)


def finish(world: World, order: types.Order, caller: Caller = ADA) -> types.Order:
    request = types.FinishOrderRequest(caller=caller, id=order.id, version=order.version)
    return world.service.finish_order(request)


def refund(
    world: World, order: types.Order, *items: types.RefundItem, caller: Caller = OPERATOR
) -> types.Order:
    request = types.RefundOrderRequest(caller=caller, id=order.id, version=order.version, items=items)
    return world.service.refund_order(request)


def pages(
    world: World, caller: Caller, size: int, status: types.OrderStatus | None = None
) -> list[list[int]]:
    """Return the ids of every page, following the page tokens."""
    token = ""
    found: list[list[int]] = []
    while not found or token:
        request = types.ListOrdersRequest(caller=caller, page_size=size, page_token=token, status=status)
        page = world.service.list_orders(request)
        found.append([order.id for order in page.orders])
        token = page.next_page_token
        assert (page.next_link is None) is (token == "")
    return found


# The catalogue


def test_a_course_is_read_as_it_was_created_and_changed(world: World) -> None:
    course = world.course(1000)
    created = types.Course(
        id=course, title="Hexagons", price_cents=1000, on_sale=True, version=1, created_at=world.clock.now()
    )
    assert world.service.get_course(types.GetCourseRequest(caller=ADA, id=course)) == created
    change = types.ChangeCourseRequest(
        caller=OPERATOR, id=course, version=1, title=" Sagas ", price_cents=5, on_sale=False
    )
    changed = world.service.change_course(change)
    assert changed == types.Course(
        id=course, title="Sagas", price_cents=5, on_sale=False, version=2, created_at=created.created_at
    )
    with pytest.raises(errors.CourseHasChanged):
        world.service.change_course(change)


def test_only_operators_see_a_course_that_is_not_on_sale(world: World) -> None:
    shown, hidden = world.course(), world.course(on_sale=False)

    def listed(caller: Caller) -> list[int]:
        request = types.ListCoursesRequest(caller=caller, page_size=0, page_token="")
        return [course.id for course in world.service.list_courses(request).courses]

    assert listed(ADA) == [shown]
    assert listed(OPERATOR) == [hidden, shown]
    assert world.service.get_course(types.GetCourseRequest(caller=OPERATOR, id=hidden)).id == hidden
    with pytest.raises(errors.CourseNotFound):
        world.service.get_course(types.GetCourseRequest(caller=ADA, id=hidden))


def test_courses_come_in_pages_with_a_link_to_the_next(world: World) -> None:
    first, second, third = (world.course() for _ in range(3))
    request = types.ListCoursesRequest(caller=ADA, page_size=2, page_token="")
    page = world.service.list_courses(request)
    assert [course.id for course in page.courses] == [third, second]
    assert page.next_link == f'</v1/courses?pageSize=2&pageToken={page.next_page_token}>; rel="next"'
    last = world.service.list_courses(
        types.ListCoursesRequest(caller=ADA, page_size=2, page_token=page.next_page_token)
    )
    assert [course.id for course in last.courses] == [first]
    assert (last.next_page_token, last.next_link) == ("", None)


OPERATORS_ACTIONS: dict[str, Callable[[World, Caller], object]] = {
    "create": lambda world, caller: world.service.create_course(
        types.CreateCourseRequest(caller=caller, title="", price_cents=-1, on_sale=True)
    ),
    "change": lambda world, caller: world.service.change_course(
        types.ChangeCourseRequest(caller=caller, id=1, version=1, title="", price_cents=-1, on_sale=True)
    ),
    "refund": lambda world, caller: world.service.refund_order(
        types.RefundOrderRequest(caller=caller, id=1, version=1)
    ),
}


@pytest.mark.parametrize("action", OPERATORS_ACTIONS)
@pytest.mark.parametrize("roles", [(), ("customer",), ("Operator",)])
def test_a_customer_cannot_use_the_operations_of_operators(
    world: World, action: str, roles: tuple[str, ...]
) -> None:
    with pytest.raises(errors.OperatorsOnly):
        OPERATORS_ACTIONS[action](world, Caller(subject="ada", roles=roles, session=""))


@pytest.mark.parametrize(("title", "cents"), [("", 1), ("x" * 201, 1), ("x", -1), ("x", 100_000_001)])
def test_a_course_that_breaks_a_rule_is_not_created(world: World, title: str, cents: int) -> None:
    request = types.CreateCourseRequest(caller=OPERATOR, title=title, price_cents=cents, on_sale=True)
    with pytest.raises(errors.Invalid):
        world.service.create_course(request)


# Reading orders


def test_another_buyers_order_is_not_found_by_any_operation(world: World) -> None:
    order = paid(world)
    refused: list[Callable[[], object]] = [
        lambda: world.get(order.id, BOB),
        lambda: cancel(world, order, BOB),
        lambda: finish(world, order, BOB),
        lambda: world.service.start_payment(types.StartPaymentRequest(caller=BOB, id=order.id)),
    ]
    for act in refused:
        with pytest.raises(errors.OrderNotFound):
            act()
    assert world.get(order.id, ADA) == order


def test_a_buyer_lists_only_own_orders_and_an_operator_all(world: World) -> None:
    first, second, third = (ordered(world, caller=caller).id for caller in (ADA, BOB, ADA))
    world.notice(world.get(first))
    assert pages(world, ADA, 1) == [[third], [first]]
    assert pages(world, BOB, 5) == [[second]]
    assert pages(world, OPERATOR, 2) == [[third, second], [first]]
    assert pages(world, ADA, 5, Status.PAID) == [[first]]
    assert pages(world, OPERATOR, 5, Status.PENDING_PAYMENT) == [[third, second]]


def test_the_link_to_the_next_page_keeps_the_filter(world: World) -> None:
    for _ in range(2):
        ordered(world)
    request = types.ListOrdersRequest(caller=ADA, page_size=1, page_token="", status=Status.PENDING_PAYMENT)
    page = world.service.list_orders(request)
    link = f"</v1/orders?pageSize=1&pageToken={page.next_page_token}&status=ORDER_STATUS_PENDING_PAYMENT>"
    assert page.next_link == f'{link}; rel="next"'


@pytest.mark.parametrize("token", ["x", "é", "AAAAAAAAAAA", "__________8", "AAAAAAAAAAE=", "AAAAAAAAAAF"])
def test_a_page_token_that_is_not_ours_is_refused(world: World, token: str) -> None:
    request = types.ListOrdersRequest(caller=ADA, page_size=0, page_token=token)
    with pytest.raises(errors.PageTokenNotUsable):
        world.service.list_orders(request)


def test_a_page_has_no_negative_size(world: World) -> None:
    request = types.ListOrdersRequest(caller=ADA, page_size=-1, page_token="")
    with pytest.raises(errors.PageSizeNotUsable):
        world.service.list_orders(request)


def test_services_can_read_the_state_of_every_order(world: World) -> None:
    order = paid(world)
    state = world.service.get_order_state(types.GetOrderStateRequest(order_id=order.id))
    assert state == types.OrderState(order_id=order.id, status=Status.PAID)
    with pytest.raises(errors.OrderNotFound):
        world.service.get_order_state(types.GetOrderStateRequest(order_id=999))


# Paying


def test_a_payment_is_opened_with_the_provider_for_what_the_order_costs(world: World) -> None:
    order = ordered(world, price_cents=1234)
    request = types.StartPaymentRequest(caller=ADA, id=order.id)
    started = world.service.start_payment(request)
    assert started == types.Payment(
        order_id=order.id,
        payment_id=f"pay_{order.id}",
        amount_cents=1234,
        pay_url=f"https://pay.example/pay_{order.id}",
    )
    assert world.service.start_payment(request) == started
    assert world.payments.opened == {order.id: 1234}


def test_no_payment_is_opened_for_an_order_that_cannot_be_paid(world: World) -> None:
    order = ordered(world)
    request = types.StartPaymentRequest(caller=ADA, id=order.id)
    world.clock.forward(PAYMENT_TIME)
    with pytest.raises(errors.OrderOverdue):
        world.service.start_payment(request)
    world.close_overdue()
    with pytest.raises(errors.OrderNotPending):
        world.service.start_payment(request)
    assert world.payments.opened == {}


def test_a_notice_pays_the_order_once_however_often_it_comes(world: World) -> None:
    order = ordered(world)
    assert [world.notice(order) for _ in range(3)] == [True, False, False]
    found = world.get(order.id)
    assert (found.status, found.version, found.paid_at) == (Status.PAID, 2, world.clock.now())
    assert len(world.transactions.outbox) == 2
    assert world.transactions.refunds == ()


def test_notices_of_other_kinds_change_nothing_in_whatever_order_they_come(world: World) -> None:
    order = ordered(world)
    assert not world.notice(order, kind="payment.opened")
    assert world.notice(order)
    assert not world.notice(order, kind="payment.opened")
    assert not world.notice(order, kind="payment.failed")
    assert world.get(order.id).status is Status.PAID


def test_a_forged_notice_is_refused_before_anything_is_read(world: World) -> None:
    order = ordered(world)
    document = {
        "type": "payment.succeeded",
        "paymentId": "p",
        "orderId": str(order.id),
        "amountCents": "1000",
    }
    for payload in (orjson.dumps(document), b"no JSON"):
        with pytest.raises(errors.SignatureForged):
            world.send_notice(payload, secret="another")
    assert world.get(order.id) == order


@pytest.mark.parametrize(
    "payload",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"type":"payment.succeeded","paymentId":"p","orderId":7,"amountCents":"1"}',
        b'{"type":"payment.succeeded","paymentId":"p","orderId":"7","amountCents":"-1"}',
        b'{"type":"payment.succeeded","paymentId":"p","orderId":"9223372036854775808","amountCents":"1"}',
        b'{"type":"payment.succeeded","paymentId":"","orderId":"7","amountCents":"1"}',
    ],
)
def test_a_signed_notice_that_cannot_be_read_is_refused(world: World, payload: bytes) -> None:
    with pytest.raises(errors.NoticeNotReadable):
        world.send_notice(payload)


def test_a_notice_of_another_amount_pays_nothing(world: World) -> None:
    order = ordered(world)
    with pytest.raises(errors.AmountMismatch):
        world.notice(order, amountCents="1")
    assert world.get(order.id) == order
    assert world.notice(order)


def test_a_payment_after_closing_is_refunded_once(world: World) -> None:
    order = ordered(world)
    closed = cancel(world, order)
    assert [world.notice(order) for _ in range(2)] == [True, False]
    assert world.get(order.id) == closed
    (owed,) = world.transactions.refunds
    assert (owed.order_id, owed.payment_id, owed.cents) == (order.id, f"pay_{order.id}", 1000)
    for _ in range(2):
        world.send_refunds()
    assert world.payments.refunded == {owed.id: 1000}


def test_a_second_payment_of_one_order_is_refunded(world: World) -> None:
    order = paid(world)
    assert world.notice(order, paymentId="another")
    (owed,) = world.transactions.refunds
    assert (owed.payment_id, owed.cents) == ("another", 1000)
    assert world.get(order.id) == order


def test_a_free_order_needs_no_provider(world: World) -> None:
    order = ordered(world, price_cents=0)
    assert order.status is Status.PAID
    assert refund(world, order).status is Status.REFUNDED
    assert world.transactions.refunds == ()


# Ending


def test_a_cancelled_order_is_closed_with_an_event(world: World) -> None:
    order = cancel(world, ordered(world))
    assert (order.status, order.close_reason) == (Status.CLOSED, types.CloseReason.CANCELLED)
    assert world.transactions.outbox[-1] == OrderClosed(
        order_id=order.id, buyer="ada", reason=CloseReason.CANCELLED, occurred_at=world.clock.now()
    )
    with pytest.raises(errors.OrderNotPending):
        cancel(world, order)


def test_an_unpaid_order_closes_by_itself_at_its_deadline_and_a_paid_one_does_not(world: World) -> None:
    unpaid, settled = ordered(world), paid(world)
    world.clock.forward(PAYMENT_TIME - timedelta(microseconds=1))
    assert world.close_overdue() is False
    assert world.get(unpaid.id) == unpaid
    world.clock.forward(timedelta(microseconds=1))
    world.close_overdue()
    closed = world.get(unpaid.id)
    assert (closed.status, closed.close_reason) == (Status.CLOSED, types.CloseReason.OVERDUE)
    assert world.get(settled.id) == settled
    published = len(world.transactions.outbox)
    world.close_overdue()
    assert len(world.transactions.outbox) == published


def test_a_finished_order_takes_no_refund(world: World) -> None:
    order = finish(world, paid(world))
    assert (order.status, order.finished_at) == (Status.FINISHED, world.clock.now())
    with pytest.raises(errors.OrderNotPaid):
        refund(world, order)


def test_a_refund_by_item_is_stored_published_and_sent_to_the_cent(world: World) -> None:
    order = paid(world, quantity=3, price_cents=1000)
    partly = refund(world, order, types.RefundItem(line=1, quantity=1))
    assert (partly.status, partly.refunded_cents) == (Status.PARTLY_REFUNDED, 1000)
    whole = refund(world, partly)
    assert (whole.status, whole.refunded_cents) == (Status.REFUNDED, 3000)
    published = [event for event in world.transactions.outbox if isinstance(event, OrderRefunded)]
    assert [(event.refunded_cents, event.whole) for event in published] == [(1000, False), (2000, True)]
    assert [event.refund_id for event in published] == [owed.id for owed in world.transactions.refunds]
    world.send_refunds()
    assert list(world.payments.refunded.values()) == [1000, 2000]


def test_a_line_is_named_once_in_a_refund(world: World) -> None:
    order, half = paid(world, quantity=2), types.RefundItem(line=1, quantity=1)
    with pytest.raises(errors.LineNamedTwice):
        refund(world, order, half, half)


def test_of_two_refunds_of_one_version_only_the_first_counts(world: World) -> None:
    order = paid(world)
    refund(world, order)
    with pytest.raises(errors.OrderHasChanged):
        refund(world, order)
    assert len(world.transactions.refunds) == 1


def test_a_refund_waits_until_the_provider_is_back(world: World) -> None:
    refund(world, paid(world))
    world.payments.away = True
    assert world.send_refunds() is False
    assert [(owed.attempts, owed.sent_at) for owed in world.transactions.refunds] == [(1, None)]
    world.payments.away = False
    world.send_refunds()
    assert [(owed.attempts, owed.sent_at) for owed in world.transactions.refunds] == [(2, world.clock.now())]
    assert list(world.payments.refunded.values()) == [1000]


def test_the_payment_of_an_order_never_counts_as_a_second_one(world: World) -> None:
    """Not even after the inbox, which is pruned, has lost it."""
    order = ordered(world)

    def pay(unit: UnitOfWork) -> None:
        pending = unit.orders.get(order.id, buyer=None)
        unit.orders.save(pending.pay(payment_id=f"pay_{order.id}", amount_cents=1000, now=pending.placed_at))

    world.transactions.run(pay)
    assert not world.notice(order)
    assert world.transactions.refunds == ()
