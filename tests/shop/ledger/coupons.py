"""Coupons: every claim counts once, no quota is exceeded, and a coupon goes the way of its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aether.promotion.v1.events import ClaimDecided, ClaimsClosed, CouponClaimed, CouponRedeemed
from tests.shop.ledger.ledger import PAID, Ledger, differ, grouped
from tests.shop.ledger.rows import Message


def desks_count_every_coupon(ledger: Ledger) -> Iterator[str]:
    coupons = grouped(ledger.coupons, lambda coupon: coupon.template_id)
    limits = {template.id: template.limit_per_user for template in ledger.templates}
    for desk in ledger.desks:
        where = f"promotion, template {desk.template_id}"
        claimed = coupons[desk.template_id]
        yield from differ(where, "claimed coupons", expected=len(claimed), found=desk.claimed)
        if len(claimed) > desk.quota:
            yield f"{where}: coupons: expected at most {desk.quota}, found {len(claimed)}"
        limit = limits[desk.template_id]
        for owner, found in Counter(coupon.owner for coupon in claimed).items():
            if found > limit:
                yield f"{where}: coupons of {owner}: expected at most {limit}, found {found}"
    keys = Counter((coupon.template_id, coupon.owner, coupon.claim_key) for coupon in ledger.coupons)
    for (template_id, owner, key), found in keys.items():
        where = f"promotion, template {template_id}"
        yield from differ(where, f"coupons of {owner} by the key {key}", expected=1, found=found)


def redis_counts_the_same_claims(ledger: Ledger) -> Iterator[str]:
    desks = {desk.template_id: desk for desk in ledger.desks}
    coupons = grouped(ledger.coupons, lambda coupon: coupon.template_id)
    for counter in ledger.claims:
        desk = desks[counter.template_id]
        if desk.decides != "redis" or counter.generation != desk.generation:
            continue  # what is there is out of force, and the next generation replaces it
        where = f"Redis, template {desk.template_id}"
        yield from differ(where, "coupons left", expected=desk.quota - desk.claimed, found=counter.left)
        owned = grouped(coupons[desk.template_id], lambda coupon: coupon.owner)
        expected = {owner: {coupon.id for coupon in own} for owner, own in owned.items()}
        found = {owner: set(own) for owner, own in counter.coupons.items()}
        yield from differ(where, "coupons by owner", expected=expected, found=found)
        yield from differ(where, "claims that wait", expected=set(), found=set(counter.waiting))


def claims_count_before_their_mark_and_not_behind_it(ledger: Ledger) -> Iterator[str]:
    """What stands in the log before the end of its generation is a coupon; what stands behind it is none."""
    coupons = {coupon.id: coupon for coupon in ledger.coupons}
    marks: dict[tuple[int, int], Message] = {}
    decided: list[tuple[Message, ClaimDecided]] = []
    for message in sorted(
        ledger.messages, key=lambda message: (message.topic, message.partition, message.offset)
    ):
        if message.dead:
            continue
        match message.event:
            case ClaimsClosed(template_id=template_id, generation=generation):
                marks.setdefault((template_id, generation), message)
            case ClaimDecided() as claim:
                decided.append((message, claim))
    binding: set[int] = set()
    for message, claim in decided:
        mark = marks.get((claim.template_id, claim.generation))
        if mark is None or message.offset < mark.offset:
            binding.add(claim.coupon_id)
    for _, claim in decided:
        where = f"promotion, coupon {claim.coupon_id} of template {claim.template_id}"
        coupon = coupons.get(claim.coupon_id)
        found = "none" if coupon is None else f"one of {coupon.owner}"
        expected = f"one of {claim.owner}" if claim.coupon_id in binding else "none"
        yield from differ(where, "coupon by the log of claims", expected=expected, found=found)


def coupons_go_the_way_of_their_orders(ledger: Ledger) -> Iterator[str]:
    orders = {order.id: order for order in ledger.orders}
    coupons = {coupon.id: coupon for coupon in ledger.coupons}
    used_by = grouped(
        (
            (coupon_id, order.id)
            for order in ledger.orders
            if order.status in PAID
            for coupon_id in order.coupon_ids
        ),
        lambda pair: pair[0],
    )
    for coupon_id, pairs in used_by.items():
        if len(pairs) > 1:
            found = ", ".join(str(order_id) for _, order_id in pairs)
            yield f"trade, coupon {coupon_id}: paid orders that used it: expected 1, found {found}"
    for order in ledger.orders:
        for coupon_id in order.coupon_ids:
            where = f"promotion, coupon {coupon_id} of order {order.id}, {order.status}"
            coupon = coupons.get(coupon_id)
            if coupon is None:
                yield f"{where}: expected a coupon, found none"
                continue
            yield from differ(where, "owner", expected=order.buyer, found=coupon.owner)
            mine = coupon.status if coupon.order_id == order.id else "not this order's"
            expected = "used" if order.status in PAID else "locked"
            if order.status == "closed":
                expected = "not this order's"
            yield from differ(where, "status", expected=expected, found=mine)
    for coupon in ledger.coupons:
        where = f"promotion, coupon {coupon.id}, {coupon.status}"
        if coupon.status not in ("used", "locked"):
            yield from differ(where, "order", expected=None, found=coupon.order_id)
            continue
        its_order = orders.get(coupon.order_id or 0)
        if its_order is None:
            lapsed = coupon.locked_until is None or coupon.locked_until <= ledger.taken_at
            if coupon.status == "used" or lapsed:
                yield f"{where}: order {coupon.order_id}: expected one, found none"
        elif coupon.id not in its_order.coupon_ids:
            theirs = its_order.coupon_ids
            yield f"{where}: coupons of order {its_order.id}: expected it among them, found {theirs}"


def each_claim_and_each_use_is_told_once(ledger: Ledger) -> Iterator[str]:
    claimed = Counter(event.coupon_id for event in ledger.happened(CouponClaimed))
    used = Counter((event.coupon_id, event.order_id) for event in ledger.happened(CouponRedeemed))
    for coupon in ledger.coupons:
        where = f"promotion's outbox, coupon {coupon.id}"
        yield from differ(where, "CouponClaimed events", expected=1, found=claimed.pop(coupon.id, 0))
        if coupon.status == "used":
            found = used.pop((coupon.id, coupon.order_id or 0), 0)
            yield from differ(
                where, f"CouponRedeemed events of order {coupon.order_id}", expected=1, found=found
            )
    for coupon_id, found in claimed.items():
        yield f"promotion's outbox, coupon {coupon_id}: CouponClaimed events: expected 0, found {found}"
    for (coupon_id, order_id), found in used.items():
        where = f"promotion's outbox, coupon {coupon_id}"
        yield f"{where}: CouponRedeemed events of order {order_id}: expected 0, found {found}"


def each_generation_ends_once(ledger: Ledger) -> Iterator[str]:
    marks = Counter((event.template_id, event.generation) for event in ledger.happened(ClaimsClosed))
    for desk in ledger.desks:
        where = f"promotion's outbox, template {desk.template_id}"
        ended = desk.generation - 1 if desk.decides == "redis" else desk.generation
        for generation in range(1, ended + 1):
            found = marks.pop((desk.template_id, generation), 0)
            yield from differ(where, f"marks of generation {generation}", expected=1, found=found)
    for (template_id, generation), found in marks.items():
        where = f"promotion's outbox, template {template_id}"
        yield f"{where}: marks of generation {generation}: expected 0, found {found}"


CHECKS = (
    desks_count_every_coupon,
    redis_counts_the_same_claims,
    claims_count_before_their_mark_and_not_behind_it,
    coupons_go_the_way_of_their_orders,
    each_claim_and_each_use_is_told_once,
    each_generation_ends_once,
)
