"""A server that is away: the service says so, does without it where it can, and recovers by itself."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.testing.readiness import Environment, ReadinessSuite, opened

from aether.promotion.v1 import types
from aether_promotion.__main__ import migrations
from aether_promotion.application.ports import Taken
from aether_promotion.container import Container

from .conftest import ADA, OPERATOR


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    environment = Environment(monkeypatch, tmp_path, "PROMOTION")
    environment.prepare(migrations(), {"SERVICE_KEY": str(tmp_path / "private.pem")})
    return environment


@pytest.fixture
def container(environment: Environment) -> Iterator[Container]:
    """The rpc role of a service whose Redis is away."""
    with opened(Container, "rpc") as container:
        yield container


class TestReadiness(ReadinessSuite):
    package = "aether_promotion"
    container = Container


def test_without_redis_coupons_are_claimed_and_seats_reserved_and_redis_learns_of_it(
    container: Container, environment: Environment, tmp_path: Path
) -> None:
    service, now = container.service(), datetime.now(UTC)
    off = types.BenefitAmountOff(value=types.AmountOff(amount_cents=1000))
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
    assert time.monotonic() - begun < 2
    with EmbeddedRedis(tmp_path / "redis", port=environment.redis_port):
        assert service.claim_coupon(claim) == coupon
        assert service.reserve(reserve) == reservation
        assert container.stock_counter().take(activity.id, 10, 1) is Taken.GONE
