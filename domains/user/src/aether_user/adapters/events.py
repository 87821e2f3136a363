"""What other services are told: domain events in the words of the contract, and back; and what trade tells.

The only module that knows both, so that either may change without the other.
"""

from dataclasses import dataclass
from typing import Final

from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

from aether.trade.v1 import events as trade
from aether.user.v1 import events as contract
from aether_user.domain.events import (
    SessionsRevoked,
    UserBanned,
    UserChanged,
    UserEvent,
    UserRegistered,
    UserUnbanned,
)
from aether_user.domain.values import Username

TOPIC: Final = contract.TOPIC
SOURCE: Final = "aether-user"
CHANGES: Final = (contract.UserChanged.TYPE, contract.UserBanned.TYPE, contract.UserUnbanned.TYPE)
"""After these a user is no longer what others were told."""
REVOKED: Final = contract.SessionsRevoked.TYPE
TRADE_TOPIC: Final = trade.TOPIC
ORDER_PAID: Final = trade.OrderPaid.TYPE
ORDER_REFUNDED: Final = trade.OrderRefunded.TYPE


def outgoing(event: UserEvent) -> OutgoingEvent:
    """The event as it leaves; those of one user stay in their order."""
    message = _message(event)
    return OutgoingEvent(
        type=message.TYPE,
        topic=TOPIC,
        key=str(event.user_id),
        payload=contract.to_bytes(message),
        source=SOURCE,
        occurred_at=event.occurred_at,
    )


def incoming(event: IncomingEvent) -> UserEvent:
    """The event as the domain knows it; raises `Malformed` for one the contract does not have."""
    match contract.from_bytes(event.type, event.payload):
        case contract.UserRegistered() as it:
            username = Username(it.username)
            return UserRegistered(user_id=it.user_id, username=username, occurred_at=it.occurred_at)
        case contract.UserChanged() as it:
            return UserChanged(user_id=it.user_id, occurred_at=it.occurred_at)
        case contract.UserBanned() as it:
            return UserBanned(user_id=it.user_id, occurred_at=it.occurred_at)
        case contract.UserUnbanned() as it:
            return UserUnbanned(user_id=it.user_id, occurred_at=it.occurred_at)
        case contract.SessionsRevoked() as it:
            return SessionsRevoked(
                user_id=_user_id(it.subject),
                session_id=int(it.session) if it.session else None,
                occurred_at=it.occurred_at,
            )


def revocation(event: IncomingEvent) -> Revocation:
    """What every API must refuse from now on."""
    revoked = contract.from_bytes(event.type, event.payload)
    if not isinstance(revoked, contract.SessionsRevoked):
        raise Malformed("ce_type", f"{event.type} revokes nothing")
    return Revocation(
        subject=revoked.subject, session=revoked.session, before=revoked.revoked_before.timestamp()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid:
    order_id: int
    buyer: int
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefunded:
    order_id: int
    refund_id: int
    buyer: int
    cents: int


def about_an_order(event: IncomingEvent) -> OrderPaid | OrderRefunded:
    """What trade tells of money; raises `Malformed` for anything else."""
    match trade.from_bytes(event.type, event.payload):
        case trade.OrderPaid() as it:
            return OrderPaid(order_id=it.order_id, buyer=_user_id(it.buyer), cents=it.paid_cents)
        case trade.OrderRefunded() as it:
            return OrderRefunded(
                order_id=it.order_id,
                refund_id=it.refund_id,
                buyer=_user_id(it.buyer),
                cents=it.refunded_cents,
            )
        case _:
            raise Malformed("ce_type", f"{event.type} says nothing of money")


def _user_id(subject: str) -> int:
    try:
        return int(subject)
    except ValueError:
        raise Malformed("subject", "is no user's id") from None


def _message(event: UserEvent) -> contract.Event:
    match event:
        case UserRegistered():
            return contract.UserRegistered(
                user_id=event.user_id, username=event.username.text, occurred_at=event.occurred_at
            )
        case UserChanged():
            return contract.UserChanged(user_id=event.user_id, occurred_at=event.occurred_at)
        case UserBanned():
            return contract.UserBanned(user_id=event.user_id, occurred_at=event.occurred_at)
        case UserUnbanned():
            return contract.UserUnbanned(user_id=event.user_id, occurred_at=event.occurred_at)
        case SessionsRevoked():
            return contract.SessionsRevoked(
                subject=str(event.user_id),
                session="" if event.session_id is None else str(event.session_id),
                revoked_before=event.occurred_at,
                occurred_at=event.occurred_at,
            )
