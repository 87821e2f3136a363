"""Events from the topics, on memory adapters: claims from their log, orders from trade, revocations from user."""

from datetime import UTC, datetime, timedelta

import pytest
from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Kind, Malformed, Unavailable
from aether_adapters.kernel.events import IncomingEvent
from aether_adapters.kernel.problems import Problem, RemoteError

from aether.promotion.v1 import types
from aether.trade.v1 import events as trade
from aether.trade.v1 import port as trade_port
from aether.trade.v1 import types as trade_types
from aether.user.v1 import events as user
from aether_promotion.adapters.consumer import claim_handlers, order_handlers
from aether_promotion.adapters.events import incoming, outgoing, revocation, settled_order
from aether_promotion.adapters.trade import TradeOrders
from aether_promotion.application.ports import Fate
from aether_promotion.domain.errors import ReservationGone
from aether_promotion.domain.events import (
    ClaimDecided,
    ClaimsClosed,
    CouponClaimed,
    CouponRedeemed,
    PromotionEvent,
    ReservationReleased,
)

from .conftest import ADA, World

NOON = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
EVENTS: tuple[PromotionEvent, ...] = (
    ClaimDecided(
        coupon_id=1, template_id=2, generation=3, owner="ada", idempotency_key="k", occurred_at=NOON
    ),
    ClaimsClosed(template_id=2, generation=3, occurred_at=NOON),
    CouponClaimed(coupon_id=1, template_id=2, owner="ada", occurred_at=NOON),
    CouponRedeemed(coupon_id=1, template_id=2, owner="ada", order_id=4, occurred_at=NOON),
    ReservationReleased(order_id=4, activity_id=5, quantity=6, occurred_at=NOON),
)


def arrived(kind: str, payload: bytes) -> IncomingEvent:
    return IncomingEvent(
        id="e1",
        type=kind,
        source="tests",
        key="1",
        payload=payload,
        occurred_at=NOON,
        headers={},
        topic="t",
        partition=0,
        offset=0,
    )


def paid(order_id: int) -> IncomingEvent:
    event = trade.OrderPaid(order_id=order_id, buyer="ada", paid_cents=1, payment_id="p", occurred_at=NOON)
    return arrived(event.TYPE, trade.to_bytes(event))


def closed(order_id: int) -> IncomingEvent:
    event = trade.OrderClosed(order_id=order_id, buyer="ada", reason="overdue", occurred_at=NOON)
    return arrived(event.TYPE, trade.to_bytes(event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_arrives_as_it_left(event: PromotionEvent) -> None:
    left = outgoing(event)
    assert incoming(arrived(left.type, left.payload)) == event
    assert left.occurred_at == NOON


def test_a_claim_and_its_mark_have_one_key_and_stay_in_order() -> None:
    claim, mark, *_ = EVENTS
    assert outgoing(claim).key == outgoing(mark).key == "2"
    assert outgoing(claim).topic == outgoing(mark).topic


def test_handling_the_log_of_claims_is_idempotent(world: World) -> None:
    template = world.template()
    world.keep_claim_authorities()
    coupon = world.claim(template.id)
    handlers = claim_handlers(world.persist_claims, world.settle_claims)
    for event in world.log.events * 2:
        left = outgoing(event)
        handlers[left.type](arrived(left.type, left.payload))
    assert world.coupons() == [coupon]
    assert world.authority(template.id).claimed == 1


def test_settling_seats_and_coupons_by_trades_events_is_idempotent(world: World) -> None:
    reconcile_orders = world.reconcile_orders
    handlers = order_handlers(
        reconcile_orders.confirm,
        reconcile_orders.redeem,
        reconcile_orders.release,
        reconcile_orders.release_coupons,
    )
    activity, template = world.activity(), world.template()
    coupons = [world.claim(template.id, key=key) for key in ("k1", "k2")]
    for order_id, coupon in zip((1, 2), coupons, strict=True):
        world.reserve(activity.id, order_id)
        world.service.lock_coupons(
            types.LockCouponsRequest(
                order_id=order_id,
                buyer="ada",
                coupon_ids=(coupon,),
                expires_at=world.clock.now() + timedelta(minutes=1),
            )
        )
    for event in (paid(1), closed(2)) * 2:
        handlers[event.type](event)
    assert world.counts(activity.id) == (0, 1)
    statuses = [
        world.service.get_coupon(types.GetCouponRequest(caller=ADA, id=coupon)).status for coupon in coupons
    ]
    assert statuses == [types.CouponStatus.USED, types.CouponStatus.UNUSED]
    with pytest.raises(ReservationGone):
        handlers[trade.OrderPaid.TYPE](paid(2))
    handlers[trade.OrderPaid.TYPE](paid(99))


def test_other_events_settle_and_revoke_nothing() -> None:
    finished = trade.OrderFinished(order_id=1, buyer="ada", occurred_at=NOON)
    with pytest.raises(Malformed):
        settled_order(arrived(finished.TYPE, trade.to_bytes(finished)))
    banned = user.UserBanned(user_id=7, occurred_at=NOON)
    with pytest.raises(Malformed):
        revocation(arrived(banned.TYPE, user.to_bytes(banned)))


def test_a_revocation_names_subject_session_and_moment() -> None:
    event = user.SessionsRevoked(subject="7", session="s", revoked_before=NOON, occurred_at=NOON)
    revoked = revocation(arrived(event.TYPE, user.to_bytes(event)))
    assert revoked == Revocation(subject="7", session="s", before=NOON.timestamp())


@pytest.mark.parametrize("status", trade_types.OrderStatus)
def test_the_fate_of_an_order_follows_from_its_status(status: trade_types.OrderStatus) -> None:
    expected = {
        trade_types.OrderStatus.PENDING_PAYMENT: Fate.PENDING,
        trade_types.OrderStatus.CLOSED: Fate.GONE,
    }.get(status, Fate.PAID)
    assert asked(status) is expected


def test_an_order_of_unknown_state_counts_as_pending() -> None:
    assert asked(Unavailable("away")) is Fate.PENDING
    assert asked(problem(Kind.FORBIDDEN)) is Fate.PENDING


def test_an_order_that_was_never_placed_is_gone() -> None:
    assert asked(problem(Kind.NOT_FOUND)) is Fate.GONE


def problem(kind: Kind) -> RemoteError:
    return RemoteError(Problem(kind=kind, type="/problems/trade/x", title="X", detail="x"))


def asked(answer: trade_types.OrderStatus | Exception) -> Fate:
    """Return the fate of an order for this answer of trade."""

    class GetOrderState(trade_port.GetOrderState):
        def __call__(self, request: trade_types.GetOrderStateRequest, /) -> trade_types.OrderState:
            if isinstance(answer, Exception):
                raise answer
            return trade_types.OrderState(order_id=request.order_id, status=answer)

    return TradeOrders(GetOrderState()).fate(1)
