"""Coupons: every claim counts once, no quota is exceeded, and a coupon's status follows from its order's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aether.promotion.v1.events import ClaimDecided, ClaimsClosed, CouponClaimed, CouponRedeemed
from tests.shop.ledger.ledger import PAID, Ledger, differ, grouped
from tests.shop.ledger.rows import Message


def claim_authorities_count_every_coupon(ledger: Ledger) -> Iterator[str]:
    coupons = grouped(ledger.coupons, lambda coupon: coupon.template_id)
    limits = {template.id: template.limit_per_user for template in ledger.templates}
    for authority in ledger.claim_authorities:
        where = f"promotion, template {authority.template_id}"
        claimed = coupons[authority.template_id]
        yield from differ(where, "claimed coupons", expected=len(claimed), found=authority.claimed)
        if len(claimed) > authority.quota:
            yield f"{where}: coupons: expected at most {authority.quota}, found {len(claimed)}"
        limit = limits[authority.template_id]
        for owner, found in Counter(coupon.owner for coupon in claimed).items():
            if found > limit:
                yield f"{where}: coupons of {owner}: expected at most {limit}, found {found}"
    keys = Counter((coupon.template_id, coupon.owner, coupon.claim_key) for coupon in ledger.coupons)
    for (template_id, owner, key), found in keys.items():
        where = f"promotion, template {template_id}"
        yield from differ(where, f"coupons of {owner} by the key {key}", expected=1, found=found)


def redis_counts_the_same_claims(ledger: Ledger) -> Iterator[str]:
    authorities = {authority.template_id: authority for authority in ledger.claim_authorities}
    coupons = grouped(ledger.coupons, lambda coupon: coupon.template_id)
    for counter in ledger.claims:
        authority = authorities[counter.template_id]
        if authority.decides != "redis" or counter.generation != authority.generation:
            continue  # its data is void, and the next generation replaces it
        where = f"Redis, template {authority.template_id}"
        yield from differ(
            where, "coupons left", expected=authority.quota - authority.claimed, found=counter.left
        )
        owned = grouped(coupons[authority.template_id], lambda coupon: coupon.owner)
        expected = {owner: {coupon.id for coupon in own} for owner, own in owned.items()}
        found = {owner: set(own) for owner, own in counter.coupons.items()}
        yield from differ(where, "coupons by owner", expected=expected, found=found)
        yield from differ(where, "claims that wait", expected=set(), found=set(counter.waiting))


def claims_count_before_their_mark_and_not_behind_it(ledger: Ledger) -> Iterator[str]:
    """A claim in the log before its generation's mark is a coupon; a claim behind the mark is not."""
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


def coupons_follow_their_orders(ledger: Ledger) -> Iterator[str]:
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
            status = coupon.status if coupon.order_id == order.id else "not this order's"
            expected = "used" if order.status in PAID else "locked"
            if order.status == "closed":
                expected = "not this order's"
            yield from differ(where, "status", expected=expected, found=status)
    for coupon in ledger.coupons:
        where = f"promotion, coupon {coupon.id}, {coupon.status}"
        if coupon.status not in ("used", "locked"):
            yield from differ(where, "order", expected=None, found=coupon.order_id)
            continue
        holder = orders.get(coupon.order_id or 0)
        if holder is None:
            lapsed = coupon.locked_until is None or coupon.locked_until <= ledger.taken_at
            if coupon.status == "used" or lapsed:
                yield f"{where}: order {coupon.order_id}: expected one, found none"
        elif coupon.id not in holder.coupon_ids:
            yield f"{where}: coupons of order {holder.id}: expected it among them, found {holder.coupon_ids}"


def each_claim_and_each_use_is_published_once(ledger: Ledger) -> Iterator[str]:
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
    for authority in ledger.claim_authorities:
        where = f"promotion's outbox, template {authority.template_id}"
        ended = authority.generation - 1 if authority.decides == "redis" else authority.generation
        for generation in range(1, ended + 1):
            found = marks.pop((authority.template_id, generation), 0)
            yield from differ(where, f"marks of generation {generation}", expected=1, found=found)
    for (template_id, generation), found in marks.items():
        where = f"promotion's outbox, template {template_id}"
        yield f"{where}: marks of generation {generation}: expected 0, found {found}"


CHECKS = (
    claim_authorities_count_every_coupon,
    redis_counts_the_same_claims,
    claims_count_before_their_mark_and_not_behind_it,
    coupons_follow_their_orders,
    each_claim_and_each_use_is_published_once,
    each_generation_ends_once,
)
