"""Checks that the ledger holds what clients were told: a confirmation is never withdrawn."""

from __future__ import annotations

from collections.abc import Iterator

from tests.shop.ledger.ledger import Ledger, differ


def what_clients_were_told_is_true(ledger: Ledger) -> Iterator[str]:
    keys = {(key.scope, key.key): key.result for key in ledger.keys}
    for (buyer, key), order_id in ledger.acknowledged.placed.items():
        where = f"trade, idempotency key {key} of {buyer}"
        yield from differ(
            where, "order, as its buyer was told", expected=str(order_id), found=keys.get((buyer, key))
        )
    orders = {order.id: order.status for order in ledger.orders}
    for order_id, status in ledger.acknowledged.ended.items():
        where = f"trade, order {order_id}"
        yield from differ(where, "status, as its buyer was told", expected=status, found=orders.get(order_id))
    owners = {coupon.id: coupon.owner for coupon in ledger.coupons}
    for coupon_id, owner in ledger.acknowledged.claimed.items():
        where = f"promotion, coupon {coupon_id}"
        yield from differ(where, "owner, who was told yes", expected=owner, found=owners.get(coupon_id))
    names = {user.id: user.display_name for user in ledger.users}
    for user_id, name in ledger.acknowledged.names.items():
        where = f"user, user {user_id}"
        yield from differ(where, "display name, as it was confirmed", expected=name, found=names.get(user_id))


CHECKS = (what_clients_were_told_is_true,)
