"""A crowd at a sale that is sold out, over or not yet begun: refused from memory, for a second, and never wrongly for long."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.problems import RemoteError

from aether.trade.v1 import types
from aether_trade.domain import errors

from .conftest import ADA, BOB, World, item
from .memory_services import refused

SALE = 77


@pytest.fixture
def course(world: World) -> int:
    """A course in a flash sale with one seat."""
    world.promotions.prices[SALE] = 300
    world.promotions.stock[SALE] = 1
    return world.course()


def refusal(place: Callable[[], object]) -> RemoteError:
    with pytest.raises(RemoteError) as error:
        place()
    return error.value


def asked(world: World) -> int:
    """How often promotion was asked for a price or a seat."""
    return world.promotions.asked["quote"]


def test_a_crowd_is_refused_without_asking_promotion_and_without_a_key(world: World, course: int) -> None:
    world.place(item(course, 1, SALE))
    first = refusal(lambda: world.place(item(course, 1, SALE), caller=BOB, key="first"))
    before = asked(world)
    for number in range(50):
        again = refusal(lambda: world.place(item(course, 1, SALE), caller=BOB, key=f"k{number}"))  # noqa: B023
        assert again.problem == first.problem
        assert again is not first
    assert asked(world) == before
    assert world.transactions.read(lambda unit: unit.keys.find("bob", "k0")) is None


def test_promotion_is_asked_about_once_a_second(world: World, course: int) -> None:
    world.place(item(course, 1, SALE))
    before = asked(world)
    for _ in range(700):
        world.stopwatch.seconds += 0.01
        refusal(lambda: world.place(item(course, 1, SALE), caller=BOB))
    assert asked(world) - before in {10, 11}


def test_a_seat_that_was_given_back_can_be_ordered_within_a_second(world: World, course: int) -> None:
    order = world.place(item(course, 1, SALE))
    refusal(lambda: world.place(item(course, 1, SALE), caller=BOB))
    world.promotions.release(order.id)  # by promotion itself: no process of trade hears of it
    refusal(lambda: world.place(item(course, 1, SALE), caller=BOB))
    world.stopwatch.seconds += 1.0
    assert world.place(item(course, 1, SALE), caller=BOB).buyer == "bob"


def test_a_buyer_whose_order_failed_can_order_again_at_once(world: World, course: int) -> None:
    """The failed order held the last seat, and others were refused meanwhile."""

    def fail(*_: object, **__: object) -> None:
        refusal(lambda: world.place(item(course, 1, SALE), caller=BOB))
        raise Unavailable("away")

    world.promotions.coupons["ada", 1] = 10
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.promotions, "lock_coupons", fail)
        with pytest.raises(Unavailable):
            world.place(item(course, 1, SALE), coupons=[1], key="k")
    assert world.place(item(course, 1, SALE), coupons=[1], key="k").buyer == "ada"


def test_a_repeated_request_gets_its_order_when_the_sale_is_sold_out(world: World, course: int) -> None:
    order = world.place(item(course, 1, SALE), key="k")
    refusal(lambda: world.place(item(course, 1, SALE), caller=BOB))
    assert world.place(item(course, 1, SALE), key="k") == order
    with pytest.raises(errors.KeyUsedForAnotherOrder):
        world.place(item(course, 1, SALE), coupons=[5], key="k")
    refusal(lambda: world.place(item(course, 1, SALE), key="another"))


def test_a_request_with_an_unusable_key_is_told_so(world: World, course: int) -> None:
    world.place(item(course, 1, SALE))
    refusal(lambda: world.place(item(course, 1, SALE), caller=BOB))
    with pytest.raises(errors.IdempotencyKeyNotUsable):
        world.place(item(course, 1, SALE), caller=BOB, key="")


def test_another_quantity_and_the_usual_price_are_asked_for(world: World, course: int) -> None:
    world.promotions.stock[SALE] = 2
    refusal(lambda: world.place(item(course, 3, SALE)))
    assert world.place(item(course, 2, SALE)).payable_cents == 600
    refusal(lambda: world.place(item(course, 1, SALE)))
    assert world.place(item(course, 1)).payable_cents == 1000


def test_a_sale_that_has_not_started_is_refused_until_its_start(world: World, course: int) -> None:
    starts_at = world.clock.now() + timedelta(seconds=0.4)
    problem = refused(
        "activity-not-started", activity_id=str(SALE), starts_at=starts_at.isoformat().replace("+00:00", "Z")
    )
    world.promotions.trouble["quote"] = problem
    for _ in range(9):
        assert refusal(lambda: world.place(item(course, 1, SALE))).problem == problem.problem
    assert asked(world) == 1
    world.stopwatch.seconds += 0.4
    del world.promotions.trouble["quote"]
    assert world.place(item(course, 1, SALE)).payable_cents == 300


def test_a_sale_that_is_over_is_refused_without_asking(world: World, course: int) -> None:
    world.promotions.trouble["quote"] = over = refused(
        "activity-over", activity_id=str(SALE), ends_at="2029-01-01T00:00:00Z"
    )
    for caller in (ADA, BOB, ADA):
        answer = refusal(lambda: world.place(item(course, 1, SALE), caller=caller))  # noqa: B023
        assert answer.problem == over.problem
    assert asked(world) == 1


def test_only_the_refused_item_of_a_basket_is_remembered(world: World, course: int) -> None:
    other = world.course()
    world.promotions.prices[SALE + 1], world.promotions.stock[SALE + 1] = 100, 0
    refusal(lambda: world.place(item(course, 1, SALE), item(other, 1, SALE + 1)))
    assert world.place(item(course, 1, SALE)).payable_cents == 300
    before = asked(world)
    refusal(lambda: world.place(item(other, 1, SALE + 1), item(course, 1)))
    assert asked(world) == before + 1, "its refusal was forgotten with the release of the other item"
    refusal(lambda: world.place(item(other, 1, SALE + 1), item(course, 1)))
    assert asked(world) == before + 1


def test_a_refusal_that_concerns_one_buyer_is_not_remembered(world: World, course: int) -> None:
    world.promotions.coupons["ada", 9] = 50
    answer = refusal(lambda: world.place(item(course, 1, SALE), coupons=[9], caller=BOB))
    assert answer.type == "/problems/promotion/coupon-not-found"
    placed: types.Order = world.place(item(course, 1, SALE), coupons=[9])
    assert placed.payable_cents == 250
