"""The offers that operators prepare: courses, flash sales, and coupons to claim."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from tests.shop.system import System

OPERATOR: Final = "1"
_PRICES: Final = (4900, 1999, 333, 12_000, 101)
_SALES: Final = ((0, 3333, 100_000), (1, 990, 100_000), (2, 199, 40))
"""The course, the price in cents and the seats of each flash sale; the last one soon sells out."""
_BENEFITS: Final[tuple[tuple[dict[str, object], int, int], ...]] = (
    ({"amountOff": {"amountCents": "501"}}, 600, 100_000),
    ({"percentOff": {"percent": 15, "capCents": "2000"}}, 0, 100_000),
    ({"percentOff": {"percent": 33, "capCents": "777"}}, 100, 100_000),
    ({"amountOff": {"amountCents": "250"}}, 0, 30),
)
"""The benefit, the threshold in cents and the quota of each template; the last quota is soon used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Items of an order, without a quantity, and the ids of templates."""

    items: tuple[dict[str, str], ...]
    templates: tuple[str, ...]


def filled(shop: System) -> Shelf:
    """Create the offers in a new shop."""
    now = datetime.now(UTC)
    opened, closes = (now - timedelta(minutes=1)).isoformat(), (now + timedelta(hours=2)).isoformat()
    with shop.client("trade", OPERATOR, "operator") as trade:
        drafts = [{"title": f"For {cents}", "priceCents": str(cents), "onSale": True} for cents in _PRICES]
        courses = [str(_made(trade.post("/v1/courses", json=draft))["id"]) for draft in drafts]
    items = [{"courseId": course} for course in courses]
    templates: list[str] = []
    with shop.client("promotion", OPERATOR, "operator") as promotion:
        for course, cents, seats in _SALES:
            sale = {
                "title": f"{seats} seats",
                "courseId": courses[course],
                "priceCents": str(cents),
                "startsAt": opened,
                "endsAt": closes,
                "quantity": str(seats),
            }
            activity = str(_made(promotion.post("/v1/activities", json=sale))["id"])
            items.append({"courseId": courses[course], "activityId": activity})
        for benefit, threshold, quota in _BENEFITS:
            terms = {
                "title": f"{quota} coupons",
                "benefit": benefit,
                "thresholdCents": str(threshold),
                "quota": str(quota),
                "limitPerUser": 20,
                "claimsFrom": opened,
                "validFrom": opened,
                "validUntil": closes,
            }
            template = _made(promotion.post("/v1/coupon-templates", json=terms))
            seen = {"if-match": f'"{template["version"]}"'}
            path = f"/v1/coupon-templates/{template['id']}/publish"
            promotion.post(path, headers=seen).raise_for_status()
            templates.append(str(template["id"]))
    return Shelf(items=tuple(items), templates=tuple(templates))


def _made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return dict(answer.json())
