"""While a server is down the service reports it, does what does not need it, and recovers by itself."""

import time
from pathlib import Path

import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.kernel.errors import Kind, Unavailable
from aether_adapters.testing.readiness import ReadinessSuite, nowhere

from aether.trade.v1 import types
from aether_trade.__main__ import migrations
from aether_trade.container import ERRORS, Container

from .conftest import ADA, OPERATOR


class TestReadiness(ReadinessSuite):
    package = "aether_trade"
    prefix = "TRADE"
    script_location = migrations()
    container_type = Container

    def variables(self, folder: Path) -> dict[str, str]:
        return {
            "SERVICE_KEY": str(folder / "private.pem"),
            "PROMOTION_TARGET": nowhere(),
            "PAYMENT_SECRETS": '["shared with the provider"]',
            "PAYMENT_URL": f"http://{nowhere()}",
            "JWKS": str(DevelopmentKeys(folder).ensure().jwks),
        }

    def test_without_promotion_no_order_is_placed_and_its_key_is_free_at_once(
        self, container: Container
    ) -> None:
        service = container.service()
        course = service.create_course(
            types.CreateCourseRequest(caller=OPERATOR, title="Hexagons", price_cents=1000, on_sale=True)
        )
        request = types.PlaceOrderRequest(
            caller=ADA, idempotency_key="k", items=(types.OrderItem(course_id=course.id, quantity=1),)
        )
        for _ in range(2):
            begun = time.monotonic()
            with pytest.raises(Unavailable) as refused:
                service.place_order(request)
            assert time.monotonic() - begun < 4.5, "nothing waits until its deadline"
            assert ERRORS.problem(refused.value).kind is Kind.UNAVAILABLE
        assert service.get_course(types.GetCourseRequest(caller=ADA, id=course.id)) == course
