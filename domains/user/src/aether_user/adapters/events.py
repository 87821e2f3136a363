"""Maps domain events to the integration events of the contract, and back; and reads trade's events.

Only this module knows both, so that either may change without the other.
"""

from dataclasses import dataclass
from typing import Final

from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.events import IncomingEvent, OutgoingEvent

from aether.trade.v1 import events as trade
from aether.user.v1 import events as contract
from aether_user.application.views import id_in
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
"""After these events a cached user is out of date."""
REVOKED: Final = contract.SessionsRevoked.TYPE
TRADE_TOPIC: Final = trade.TOPIC
ORDER_PAID: Final = trade.OrderPaid.TYPE
ORDER_REFUNDED: Final = trade.OrderRefunded.TYPE


def outgoing(event: UserEvent) -> OutgoingEvent:
    """Return the integration event. Its key is the user's id, so events of one user keep their sequence."""
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
    """Return the domain event. Raises `Malformed` for a type that is not in the contract."""
    match contract.from_bytes(event.type, event.payload):
        case contract.UserRegistered() as registered:
            return UserRegistered(
                user_id=registered.user_id,
                username=Username(registered.username),
                occurred_at=registered.occurred_at,
            )
        case contract.UserChanged() as changed:
            return UserChanged(user_id=changed.user_id, occurred_at=changed.occurred_at)
        case contract.UserBanned() as banned:
            return UserBanned(user_id=banned.user_id, occurred_at=banned.occurred_at)
        case contract.UserUnbanned() as unbanned:
            return UserUnbanned(user_id=unbanned.user_id, occurred_at=unbanned.occurred_at)
        case contract.SessionsRevoked() as revoked:
            return SessionsRevoked(
                user_id=_user_id(revoked.subject),
                session_id=int(revoked.session) if revoked.session else None,
                occurred_at=revoked.occurred_at,
            )


def revocation(event: IncomingEvent) -> Revocation:
    """Return the access tokens that the event revokes. Raises `Malformed` if it revokes none."""
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
    """Return the payment or refund in trade's event. Raises `Malformed` for any other event."""
    match trade.from_bytes(event.type, event.payload):
        case trade.OrderPaid() as paid:
            return OrderPaid(order_id=paid.order_id, buyer=_user_id(paid.buyer), cents=paid.paid_cents)
        case trade.OrderRefunded() as refunded:
            return OrderRefunded(
                order_id=refunded.order_id,
                refund_id=refunded.refund_id,
                buyer=_user_id(refunded.buyer),
                cents=refunded.refunded_cents,
            )
        case _:
            raise Malformed("ce_type", f"{event.type} is not a payment or refund")


def _user_id(subject: str) -> int:
    found = id_in(subject)
    if found is None:
        raise Malformed("subject", "is not a user's id")
    return found


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
