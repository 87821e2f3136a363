"""Flash sales: no seat is sold twice, and each reservation follows its order, in SQL and in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aether.promotion.v1.events import ReservationReleased
from tests.shop.ledger.ledger import PAID, Ledger, differ, grouped
from tests.shop.ledger.rows import Reservation

_RESERVATION_STATUS = {"closed": "released", "pending payment": "held", **dict.fromkeys(PAID, "confirmed")}
"""The expected status of a reservation, by the status of its order."""


def every_seat_is_sold_held_or_free(ledger: Ledger) -> Iterator[str]:
    reserved = grouped(ledger.reservations, lambda reservation: reservation.activity_id)
    for sale in ledger.activities:
        where = f"promotion, activity {sale.id}"
        for status, found in (("held", sale.held), ("confirmed", sale.sold)):
            seats = sum(one.quantity for one in reserved[sale.id] if one.status == status)
            yield from differ(where, f"seats that are {status}", expected=seats, found=found)
        if not 0 <= sale.held + sale.sold <= sale.quantity:
            taken = sale.held + sale.sold
            yield f"{where}: seats held and sold: expected at most {sale.quantity}, found {taken}"
    for activity_id in reserved.keys() - {sale.id for sale in ledger.activities}:
        yield f"promotion, reservations of activity {activity_id}: expected an activity, found none"


def redis_counts_the_same_seats(ledger: Ledger) -> Iterator[str]:
    sales = {sale.id: sale for sale in ledger.activities}
    held = grouped(
        (one for one in ledger.reservations if one.status == "held"),
        lambda reservation: reservation.activity_id,
    )
    for counter in ledger.stock:
        where = f"Redis, activity {counter.activity_id}"
        sale = sales[counter.activity_id]
        free = sale.quantity - sale.held - sale.sold
        yield from differ(where, "seats left", expected=free, found=counter.left)
        holds = {one.order_id: one.quantity for one in held[sale.id]}
        yield from differ(where, "seats by order", expected=holds, found=dict(counter.holds))


def reservations_go_the_way_of_their_orders(ledger: Ledger) -> Iterator[str]:
    orders = {order.id: order for order in ledger.orders}
    reserved = {(one.order_id, one.activity_id): one for one in ledger.reservations}
    for one in ledger.reservations:
        order = orders.get(one.order_id)
        where = f"promotion, reservation of order {one.order_id} in activity {one.activity_id}"
        if order is None:
            if one.status == "confirmed" or (one.status == "held" and one.expires_at <= ledger.taken_at):
                yield f"{where}: expected released, because there is no such order, found {one.status}"
            continue
        expected = _RESERVATION_STATUS[order.status]
        yield from differ(f"{where}, which is {order.status}", "status", expected=expected, found=one.status)
        yield from differ(where, "buyer", expected=order.buyer, found=one.buyer)
    seats: Counter[tuple[int, int]] = Counter()
    for line in ledger.lines:
        if line.activity_id is not None:
            seats[line.order_id, line.activity_id] += line.quantity
    for (order_id, activity_id), quantity in seats.items():
        where = f"promotion, reservation of order {order_id} in activity {activity_id}"
        found = _seats(reserved.get((order_id, activity_id)))
        yield from differ(where, "seats", expected=quantity, found=found)
    for one in ledger.reservations:
        if one.order_id in orders and (one.order_id, one.activity_id) not in seats:
            where = f"trade, order {one.order_id}"
            yield f"{where}: lines in activity {one.activity_id}: expected {one.quantity} seats, found none"


def _seats(reservation: Reservation | None) -> int:
    return 0 if reservation is None else reservation.quantity


def each_release_is_told_once(ledger: Ledger) -> Iterator[str]:
    acknowledged = Counter(
        (event.order_id, event.activity_id) for event in ledger.happened(ReservationReleased)
    )
    released = {(one.order_id, one.activity_id) for one in ledger.reservations if one.status == "released"}
    for place in sorted(released | acknowledged.keys()):
        where = f"promotion's outbox, reservation of order {place[0]} in activity {place[1]}"
        expected = int(place in released)
        yield from differ(where, "ReservationReleased events", expected=expected, found=acknowledged[place])


CHECKS = (
    every_seat_is_sold_held_or_free,
    redis_counts_the_same_seats,
    reservations_go_the_way_of_their_orders,
    each_release_is_told_once,
)
