"""A server that is away: the service says so, goes on with what needs it not, and recovers by itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aether_adapters.auth.key_sets import DevelopmentKeys
from aether_adapters.kernel.errors import Kind, Unavailable
from aether_adapters.testing.readiness import Environment, ReadinessSuite, nowhere, opened

from aether.trade.v1 import types
from aether_trade.__main__ import migrations
from aether_trade.container import ERRORS, Container

from .conftest import ADA, OPERATOR


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    environment = Environment(monkeypatch, tmp_path, "TRADE")
    variables = {
        "SERVICE_KEY": str(tmp_path / "private.pem"),
        "PROMOTION_TARGET": nowhere(),
        "PAYMENT_SECRETS": '["shared with the provider"]',
        "PAYMENT_URL": f"http://{nowhere()}",
        "JWKS": str(DevelopmentKeys(tmp_path).ensure().jwks),
    }
    environment.prepare(migrations(), variables)
    return environment


@pytest.fixture
def container(environment: Environment) -> Iterator[Container]:
    """The rpc role of a service with nothing but its database."""
    with opened(Container, "rpc") as container:
        yield container


class TestReadiness(ReadinessSuite):
    package = "aether_trade"
    container = Container


def test_without_promotion_no_order_is_placed_and_its_key_is_free_at_once(container: Container) -> None:
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
        assert time.monotonic() - begun < 3
        assert ERRORS.problem(refused.value).kind is Kind.UNAVAILABLE
    assert service.get_course(types.GetCourseRequest(caller=ADA, id=course.id)) == course
