"""Seeds for the operations of trade: stored data that lets them succeed."""

from __future__ import annotations

import json
from functools import cache
from itertools import count
from typing import Any, Final

import httpx
import requests
from aether_adapters.auth.webhook_signatures import sign

from aether_trade.adapters.payment import SIGNATURE, SUCCEEDED
from aether_trade.adapters.simulated_provider import DEVELOPMENT_SECRET
from tests.fuzz.fuzzing import Case
from tests.fuzz.promotion_seeds import PromotionSeeds
from tests.fuzz.seeding import NUMBERS, Headers, Recipes, at_version, body, done, page_after

PIECES: Final = 3
"""The quantity of the course in a seeded order."""
COURSES: Final = 20
"""The largest number of items in an order."""
WITHOUT_NOTICE: Final = {"times": 0}
"""The simulated provider takes the payment and sends no notice: the seeds send it at once."""


class TradeSeeds:
    """Seeds for the cases of the client `own`; `boss` is an operator's client."""

    def __init__(self, boss: httpx.Client, own: httpx.Client, promotion: PromotionSeeds) -> None:
        self.boss = boss
        self.own = own
        self.promotion = promotion
        self.courses = [self.course() for _ in range(COURSES)]
        self.sales = {course: promotion.flash_sale(course) for course in self.courses[::2]}
        self.own_order, _ = self.order(), self.order()  # so that lists have a second page
        self.notices = count()
        self.page_after = cache(lambda path: page_after(own, path))
        recipes = Recipes(
            {
                "listCourses": lambda case: self.list_page(case, "/v1/courses"),
                "getCourse": self.get_course,
                "changeCourse": self.change_course,
                "placeOrder": self.place_order,
                "listOrders": lambda case: self.list_page(case, "/v1/orders"),
                "getOrder": self.get_order,
                "startPayment": self.start_payment,
                "cancelOrder": self.cancel_order,
                "finishOrder": self.finish_order,
                "refundOrder": self.refund_order,
                "receivePaymentNotice": self.receive_payment_notice,
            }
        )
        self.sow = recipes.sow

    def course(self) -> str:
        """Create a course on sale, at version 1."""
        draft = {"title": "Hexagons", "priceCents": "4900", "onSale": True}
        return str(done(self.boss.post("/v1/courses", json=draft))["id"])

    def order(self) -> dict[str, Any]:
        """Place an order of the caller, pending payment, at version 1."""
        basket = {"items": [{"courseId": self.courses[0], "quantity": PIECES}]}
        key = {"Idempotency-Key": f"seed-{next(NUMBERS)}"}
        return dict(done(self.own.post("/v1/orders", json=basket, headers=key)))

    def paid(self) -> str:
        """Place and pay an order, then at version 2. Return its id."""
        order = self.order()
        payload = json.dumps(self.paying(order)).encode()
        headers = {SIGNATURE: sign(DEVELOPMENT_SECRET, payload), "Content-Type": "application/json"}
        assert done(self.own.post("/v1/payment-notices", content=payload, headers=headers)) == {"news": True}
        return str(order["id"])

    def paying(self, order: dict[str, Any]) -> dict[str, str]:
        """Pay an order at the provider. Return the notice of the payment."""
        payment = done(self.own.put(f"/v1/orders/{order['id']}/payment"))
        done(httpx.post(payment["payUrl"], json=WITHOUT_NOTICE))
        return {"type": SUCCEEDED} | {name: payment[name] for name in ("paymentId", "orderId", "amountCents")}

    def list_page(self, case: Case, path: str) -> None:
        if "pageToken" in case.query:
            case.query["pageToken"] = self.page_after(path)

    def get_course(self, case: Case) -> None:
        case.path_parameters["id"] = self.courses[0]

    def change_course(self, case: Case) -> None:
        case.path_parameters["id"] = self.course()
        case.headers.update(at_version(1))

    def place_order(self, case: Case) -> None:
        """Use as many courses as were drawn, in their flash sales if drawn, and a coupon if any were drawn."""
        case.headers["Idempotency-Key"] = f"{next(NUMBERS)}-{case.headers['Idempotency-Key']}"[:100]
        basket, items = body(case), []
        for drawn, course in zip(basket["items"], self.courses, strict=False):
            items.append({"courseId": course, "quantity": drawn["quantity"]})
            if "activityId" in drawn and course in self.sales:
                items[-1]["activityId"] = self.sales[course]
        basket["items"] = items
        if basket.get("couponIds"):
            basket["couponIds"] = [self.promotion.coupon()]

    def get_order(self, case: Case) -> None:
        case.path_parameters["id"] = self.own_order["id"]

    def start_payment(self, case: Case) -> None:
        case.path_parameters["id"] = self.order()["id"]

    def cancel_order(self, case: Case) -> None:
        case.path_parameters["id"] = self.order()["id"]
        case.headers.update(at_version(1))

    def finish_order(self, case: Case) -> None:
        case.path_parameters["id"] = self.paid()
        case.headers.update(at_version(2))

    def refund_order(self, case: Case) -> None:
        """Refund the whole order, or some of its only line if any lines were drawn."""
        case.path_parameters["id"] = self.paid()
        case.headers.update(at_version(2))
        refund = body(case)
        if refund.get("items"):
            refund["items"] = [{"line": 1, "quantity": min(refund["items"][0]["quantity"], PIECES)}]

    def receive_payment_notice(self, case: Case) -> Headers:
        """Sign every notice; two in three are of a payment, with the other members as drawn."""
        if next(self.notices) % 3:
            body(case).update(self.paying(self.order()))
        payload = requests.Request(**case.as_transport_kwargs()).prepare().body
        assert isinstance(payload, bytes)
        return {SIGNATURE: sign(DEVELOPMENT_SECRET, payload)}
