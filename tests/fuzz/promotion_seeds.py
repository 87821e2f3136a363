"""Seeds for the operations of promotion: stored data that lets them succeed."""

from __future__ import annotations

from functools import cache
from typing import Final

import httpx

from tests.fuzz.fuzzing import Case
from tests.fuzz.seeding import LATE, NUMBERS, Recipes, at_version, body, done, eventually, page_after

LONG_AGO: Final = "2000-01-01T00:00:00Z"
CLAIM_LIMIT: Final = 20
"""The number of coupons of one template that a customer can claim."""
TERMS: Final = {
    "title": "One off",
    "benefit": {"amountOff": {"amountCents": "100"}},
    "thresholdCents": "0",
    "quota": "1000",
    "limitPerUser": CLAIM_LIMIT,
    "claimsFrom": LONG_AGO,
    "validFrom": LONG_AGO,
    "validUntil": LATE,
}


class PromotionSeeds:
    """Seeds for the cases of the client `own`; `boss` is an operator's client."""

    def __init__(self, boss: httpx.Client, own: httpx.Client) -> None:
        self.boss = boss
        self.own = own
        self.coupons: list[str] = []
        self.claims_left: dict[str, int] = {}
        self.page_after = cache(lambda path: page_after(own, path))
        self.template, self.activity, self.held = self.published(), self.flash_sale("1"), self.coupon()
        self.published(), self.flash_sale("1")  # so that lists have a second page
        recipes = Recipes(
            {
                "createTemplate": self.create_template,
                "listTemplates": lambda case: self.list_page(case, "/v1/coupon-templates"),
                "getTemplate": self.get_template,
                "publishTemplate": self.publish_template,
                "withdrawTemplate": self.withdraw_template,
                "claimCoupon": self.claim_coupon,
                "listCoupons": lambda case: self.list_page(case, "/v1/coupons"),
                "getCoupon": self.get_coupon,
                "createActivity": self.create_activity,
                "listActivities": lambda case: self.list_page(case, "/v1/activities"),
                "getActivity": self.get_activity,
                "closeActivity": self.close_activity,
            }
        )
        self.sow = recipes.sow

    def draft(self) -> str:
        """Create a template at version 1."""
        return str(done(self.boss.post("/v1/coupon-templates", json=TERMS))["id"])

    def published(self) -> str:
        """Create a template at version 2, of which coupons can be claimed."""
        template = self.draft()
        done(self.boss.post(f"/v1/coupon-templates/{template}/publish", headers=at_version(1)))
        return template

    def flash_sale(self, course: str) -> str:
        """Create an activity at version 1, with seats for everybody."""
        sale = {"title": "Seats", "courseId": course, "priceCents": "990", "quantity": "9999999"}
        window = {"startsAt": LONG_AGO, "endsAt": LATE}
        return str(done(self.boss.post("/v1/activities", json=sale | window))["id"])

    def claimable(self) -> str:
        """Return a template of which the caller can claim one more coupon."""
        for template, left in self.claims_left.items():
            if left:
                self.claims_left[template] -= 1
                return template
        self.claims_left = {self.published(): CLAIM_LIMIT}
        return self.claimable()

    def coupon(self) -> str:
        """Return an unused coupon of the caller. They are claimed in batches, and persisted a moment later."""
        if not self.coupons:
            template = self.published()
            for _ in range(CLAIM_LIMIT):
                self.coupons.append(self.claimed(template))
            for coupon in self.coupons:
                eventually(404, lambda coupon=coupon: self.own.get(f"/v1/coupons/{coupon}"))  # type: ignore[misc]
        return self.coupons.pop()

    def claimed(self, template: str) -> str:
        """Claim a coupon for the caller. Claims of a template pause for a moment soon after it is published."""
        path, key = f"/v1/coupon-templates/{template}/claims", {"Idempotency-Key": f"seed-{next(NUMBERS)}"}
        return str(eventually(503, lambda: self.own.post(path, headers=key))["couponId"])

    def list_page(self, case: Case, path: str) -> None:
        if "pageToken" in case.query:
            case.query["pageToken"] = self.page_after(path)

    def create_template(self, case: Case) -> None:
        body(case)["validUntil"] = LATE

    def get_template(self, case: Case) -> None:
        case.path_parameters["id"] = self.template

    def publish_template(self, case: Case) -> None:
        case.path_parameters["id"] = self.draft()
        case.headers.update(at_version(1))

    def withdraw_template(self, case: Case) -> None:
        case.path_parameters["id"] = self.published()
        case.headers.update(at_version(2))

    def claim_coupon(self, case: Case) -> None:
        case.path_parameters["templateId"] = self.claimable()

    def get_coupon(self, case: Case) -> None:
        case.path_parameters["id"] = self.held

    def create_activity(self, case: Case) -> None:
        body(case)["endsAt"] = LATE

    def get_activity(self, case: Case) -> None:
        case.path_parameters["id"] = self.activity

    def close_activity(self, case: Case) -> None:
        case.path_parameters["id"] = self.flash_sale("1")
        case.headers.update(at_version(1))
