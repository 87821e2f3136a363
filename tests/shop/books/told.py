"""What clients were told is in the books: a yes that was said is never taken back."""

from __future__ import annotations

from collections.abc import Iterator

from tests.shop.books.books import Books, differ


def what_clients_were_told_is_true(books: Books) -> Iterator[str]:
    keys = {(key.scope, key.key): key.result for key in books.keys}
    for (buyer, key), order_id in books.told.placed.items():
        where = f"trade, idempotency key {key} of {buyer}"
        yield from differ(
            where, "order, as its buyer was told", expected=str(order_id), found=keys.get((buyer, key))
        )
    orders = {order.id: order.status for order in books.orders}
    for order_id, status in books.told.ended.items():
        where = f"trade, order {order_id}"
        yield from differ(where, "status, as its buyer was told", expected=status, found=orders.get(order_id))
    owners = {coupon.id: coupon.owner for coupon in books.coupons}
    for coupon_id, owner in books.told.claimed.items():
        where = f"promotion, coupon {coupon_id}"
        yield from differ(where, "owner, who was told yes", expected=owner, found=owners.get(coupon_id))
    names = {user.id: user.display_name for user in books.users}
    for user_id, name in books.told.names.items():
        where = f"user, user {user_id}"
        yield from differ(where, "display name, as it was confirmed", expected=name, found=names.get(user_id))


CHECKS = (what_clients_were_told_is_true,)
