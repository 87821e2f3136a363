"""While a server is down the service reports it, does without it where it can, and recovers by itself."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.testing.readiness import Environment, ReadinessSuite

from aether.promotion.v1 import types
from aether_promotion.__main__ import migrations
from aether_promotion.application.ports import Taken
from aether_promotion.container import Container

from .conftest import ADA, OPERATOR


class TestReadiness(ReadinessSuite):
    package = "aether_promotion"
    prefix = "PROMOTION"
    script_location = migrations()
    container_type = Container

    def variables(self, folder: Path) -> dict[str, str]:
        return {"SERVICE_KEY": str(folder / "private.pem")}

    def test_without_redis_coupons_are_claimed_and_seats_reserved_and_redis_learns_of_it(
        self, container: Container, environment: Environment, tmp_path: Path
    ) -> None:
        service, now = container.service(), datetime.now(UTC)
        off = types.AmountOff(amount_cents=1000)
        terms = types.Terms(
            title="Ten off",
            benefit=types.Benefit(kind=off),
            threshold_cents=0,
            quota=2,
            limit_per_user=1,
            claims_from=now,
            valid_from=now,
            valid_until=now + timedelta(days=1),
        )
        draft = service.create_template(types.CreateTemplateRequest(caller=OPERATOR, terms=terms))
        service.publish_template(types.PublishTemplateRequest(caller=OPERATOR, id=draft.id, version=1))
        planning = types.CreateActivityRequest(
            caller=OPERATOR,
            title="A sale",
            course_id=3,
            price_cents=500,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            quantity=2,
        )
        activity = service.create_activity(planning)
        claim = types.ClaimCouponRequest(caller=ADA, template_id=draft.id, idempotency_key="k1")
        reserve = types.ReserveRequest(
            order_id=9, buyer="ada", activity_id=activity.id, quantity=2, expires_at=now + timedelta(hours=1)
        )
        begun = time.monotonic()
        coupon, reservation = service.claim_coupon(claim), service.reserve(reserve)
        assert time.monotonic() - begun < 4.5, "nothing waits until its deadline"
        with EmbeddedRedis(tmp_path / "redis", port=environment.redis_port):
            assert service.claim_coupon(claim) == coupon
            assert service.reserve(reserve) == reservation
            assert container.stock_counter().take(activity.id, 10, 1) is Taken.GONE
