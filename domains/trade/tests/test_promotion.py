"""The client of promotion over gRPC: its requests, its results, and the mapping of errors."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.auth.development import DevelopmentKeys
from aether_adapters.auth.grants import Grant
from aether_adapters.auth.key_sets import KeySet
from aether_adapters.auth.service_tokens import ServiceTokens, signer
from aether_adapters.auth.tokens import Verifier
from aether_adapters.grpc import Channel, Server
from aether_adapters.kernel.errors import Kind, Unavailable
from aether_adapters.kernel.problems import ErrorTable, RemoteError
from aether_adapters.observability.health import Health

from aether.promotion.v1 import grpc, port, types
from aether_trade.adapters.promotion import RemotePromotions
from aether_trade.application.ports import Refused
from aether_trade.domain.basket import Item
from aether_trade.domain.quote import Quote, QuotedItem

UNTIL = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


class StockGone(Exception):
    def __init__(self, activity_id: int) -> None:
        super().__init__("Nothing is left.")
        self.activity_id = activity_id


class NotForYou(Exception):
    pass


@dataclass
class Promotion:
    """Records requests to promotion, and returns the prepared answers; raises one that is an exception."""

    asked: list[object] = field(default_factory=list)
    answers: dict[type, object] = field(default_factory=dict)

    def __call__(self, request: Any, /) -> Any:
        self.asked.append(request)
        answer = self.answers[type(request)]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def promotion() -> Promotion:
    return Promotion()


@pytest.fixture
def promotions(promotion: Promotion, tmp_path: Path) -> Iterator[RemotePromotions]:
    """The adapter, with a real server that accepts this service's own token."""
    pair = DevelopmentKeys(tmp_path).ensure()
    service = port.PromotionService(
        **dict.fromkeys((each.name for each in fields(port.PromotionService)), promotion)
    )
    server = Server(
        [grpc.service(service)],
        errors=ErrorTable("promotion", {StockGone: Kind.CONFLICT, NotForYou: Kind.FORBIDDEN}),
        verify=Verifier(
            KeySet.from_file(pair.jwks, Grant(services=frozenset({"aether-trade"}))), "tests", "aether"
        ),
        health=Health({}),
        address="127.0.0.1:0",
    )
    server.start()
    tokens = ServiceTokens(
        "aether-trade", signer(str(pair.jwks.with_name("private.pem")), "", "tests", "aether")
    )
    with Channel(f"127.0.0.1:{server.port}", token=tokens) as channel:
        yield RemotePromotions(grpc.client(channel))
    server.stop()


def test_a_quote_is_requested_with_the_catalogues_prices(
    promotions: RemotePromotions, promotion: Promotion
) -> None:
    promotion.answers[types.QuoteRequest] = types.QuoteResult(
        lines=(
            types.QuoteLine(course_id=1, quantity=2, price_cents=1000, discount_cents=7, payable_cents=1993),
            types.QuoteLine(course_id=2, quantity=1, price_cents=300, discount_cents=0, payable_cents=300),
        ),
        total_cents=2300,
        discount_cents=7,
        payable_cents=2293,
        coupon_ids=(8,),
    )
    items = [(Item(course_id=1, quantity=2), 1000), (Item(course_id=2, quantity=1, activity_id=5), 900)]
    assert promotions.quote("ada", items, [8, 9]) == Quote(
        items=(
            QuotedItem(course_id=1, quantity=2, price_cents=1000, discount_cents=7, payable_cents=1993),
            QuotedItem(course_id=2, quantity=1, price_cents=300, discount_cents=0, payable_cents=300),
        ),
        payable_cents=2293,
        coupon_ids=(8,),
    )
    assert promotion.asked == [
        types.QuoteRequest(
            buyer="ada",
            items=(
                types.QuoteItem(course_id=1, quantity=2, price_cents=1000),
                types.QuoteItem(course_id=2, quantity=1, price_cents=900, activity_id=5),
            ),
            coupon_ids=(8, 9),
        )
    ]


def test_stock_and_coupons_are_held_until_a_time_and_released(
    promotions: RemotePromotions, promotion: Promotion
) -> None:
    promotion.answers = {
        types.ReserveRequest: types.Reservation(
            order_id=7, activity_id=5, quantity=2, expires_at=UNTIL, status=types.ReservationStatus.HELD
        ),
        types.LockCouponsRequest: types.LockedCoupons(coupon_ids=(8,)),
        types.ReleaseRequest: types.Reservations(),
        types.ReleaseCouponsRequest: types.LockedCoupons(),
    }
    promotions.reserve(7, "ada", Item(course_id=1, quantity=2, activity_id=5), until=UNTIL)
    promotions.lock_coupons(7, "ada", [8], until=UNTIL)
    promotions.release(7)
    assert promotion.asked == [
        types.ReserveRequest(order_id=7, buyer="ada", activity_id=5, quantity=2, expires_at=UNTIL),
        types.LockCouponsRequest(order_id=7, buyer="ada", coupon_ids=(8,), expires_at=UNTIL),
        types.ReleaseRequest(order_id=7),
        types.ReleaseCouponsRequest(order_id=7),
    ]


def test_an_error_of_promotions_rules_is_passed_on_unchanged(
    promotions: RemotePromotions, promotion: Promotion
) -> None:
    promotion.answers[types.ReserveRequest] = StockGone(5)
    with pytest.raises(RemoteError) as refused:
        promotions.reserve(7, "ada", Item(course_id=1, quantity=2, activity_id=5), until=UNTIL)
    assert (refused.value.type, refused.value.problem.status) == ("/problems/promotion/stock-gone", 409)
    assert refused.value.values == {"activityId": "5"}
    assert isinstance(refused.value, Refused)


@pytest.mark.parametrize("trouble", [NotForYou("no"), ZeroDivisionError()])
def test_a_refusal_of_this_service_as_a_caller_is_unavailable_for_the_buyer(
    promotions: RemotePromotions, promotion: Promotion, trouble: Exception
) -> None:
    promotion.answers[types.QuoteRequest] = trouble
    with pytest.raises(Unavailable):
        promotions.quote("ada", [(Item(course_id=1, quantity=1), 1)], [])


def test_releasing_never_raises(promotions: RemotePromotions, promotion: Promotion) -> None:
    promotion.answers[types.ReleaseRequest] = ZeroDivisionError()
    promotions.release(7)
    with Channel("127.0.0.1:1", token=lambda: "token", timeout=0.2) as nowhere:
        RemotePromotions(grpc.client(nowhere)).release(7)
