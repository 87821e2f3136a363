"""Events from the topics, in the form in which their producers write them."""

from datetime import UTC, datetime, timedelta

import pytest
from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.events import IncomingEvent

from aether.trade.v1 import events as trade
from aether.user.v1 import types
from aether_user.adapters.consumer import own_handlers, trade_handlers
from aether_user.adapters.events import CHANGES, TOPIC, outgoing, revocation
from aether_user.application.load_card import LoadCard
from aether_user.domain.events import SessionsRevoked, UserBanned, UserChanged, UserEvent, UserUnbanned

from .conftest import World, caller
from .memory import MemoryCards

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def arrived(type_: str, topic: str, payload: bytes) -> IncomingEvent:
    return IncomingEvent(
        id="e1",
        type=type_,
        source="/test",
        key="1",
        payload=payload,
        occurred_at=NOON,
        headers={},
        topic=topic,
        partition=0,
        offset=0,
    )


def own(event: UserEvent) -> IncomingEvent:
    sent = outgoing(event)
    return arrived(sent.type, sent.topic, sent.payload)


def of_trade(event: trade.OrderPaid | trade.OrderRefunded) -> IncomingEvent:
    return arrived(event.TYPE, trade.TOPIC, trade.to_bytes(event))


def test_trades_payments_and_refunds_count_as_points_once(world: World) -> None:
    user = world.register()
    handlers = trade_handlers(world.count_points)
    paid = trade.OrderPaid(
        order_id=2**53 + 1, buyer=str(user.id), paid_cents=1999, payment_id="p", occurred_at=NOON
    )
    refunded = trade.OrderRefunded(
        order_id=2**53 + 1,
        refund_id=1,
        buyer=str(user.id),
        refunded_cents=1000,
        whole=False,
        occurred_at=NOON,
    )
    for event in (paid, refunded, paid, refunded):
        handlers[event.TYPE](of_trade(event))
    balance = world.service.get_points(types.GetPointsRequest(caller=caller(user))).balance
    assert balance == 9


def test_an_event_whose_buyer_is_not_a_user_is_malformed(world: World) -> None:
    paid = trade.OrderPaid(order_id=1, buyer="somebody", paid_cents=1, payment_id="", occurred_at=NOON)
    with pytest.raises(Malformed):
        trade_handlers(world.count_points)[paid.TYPE](of_trade(paid))


@pytest.mark.parametrize("event", [UserChanged, UserBanned, UserUnbanned])
def test_a_changed_users_card_is_forgotten(
    world: World, event: type[UserChanged] | type[UserBanned] | type[UserUnbanned]
) -> None:
    user = world.register()
    cards = MemoryCards(LoadCard(transactions=world.transactions))
    handlers = own_handlers(cards)
    assert set(handlers) == set(CHANGES)
    before = cards.get(user.id)
    world.transactions.run(
        lambda unit: unit.users.save(unit.users.get(user.id).ban(now=NOON + timedelta(days=1)))
    )
    assert cards.get(user.id) == before
    happened = own(event(user_id=user.id, occurred_at=NOON))
    handlers[happened.type](happened)
    assert cards.get(user.id) != before


def test_a_revocation_names_a_session_or_all_and_the_moment() -> None:
    one = own(SessionsRevoked(user_id=7, session_id=9, occurred_at=NOON))
    everywhere = own(SessionsRevoked(user_id=7, session_id=None, occurred_at=NOON))
    assert (one.topic, one.key) == (TOPIC, "1")
    assert revocation(one) == Revocation(subject="7", session="9", before=NOON.timestamp())
    assert revocation(everywhere) == Revocation(subject="7", before=NOON.timestamp())
    with pytest.raises(Malformed):
        revocation(own(UserBanned(user_id=7, occurred_at=NOON)))
