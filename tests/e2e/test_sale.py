"""Flash sales, from the opening to the books: every seat sold once, every cent accounted for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

import pytest
from aether_adapters.testing.plugin import found

from tests.shop.sale import open_sale, race, subjects
from tests.shop.story import play
from tests.shop.system import Servers, System, embedded_servers, real_servers

Start = Callable[[Path], AbstractContextManager[Servers]]
SEATS, BUYERS = 100, 1000


def test_each_seat_has_one_buyer_and_an_order_sent_again_is_answered_as_it_was(tmp_path: Path) -> None:
    """Small, and each domain in one process."""
    with embedded_servers(tmp_path) as servers, System(servers, tmp_path, gateway=False) as shop:
        shop.wait_until_ready()
        story = play(shop, servers, 20, 100, lambda _: nullcontext())
        assert story.wrong() == []
        assert story.outcomes == {"ordered": 20, "stock-gone": 80}
        assert (story.paid, story.cancelled, story.ordered_again) == (14, 2, 2)
        assert (story.seats_sold, story.seats_held) == (14, 6)

        sale = open_sale(shop, 2)
        (first,) = race(shop, sale, subjects(1)).outcomes
        assert first.order is not None
        assert first.order["payableCents"] == str(sale.price_cents)
        with shop.client("trade", first.subject) as client:
            key = {"idempotency-key": first.key}
            again = client.post("/v1/orders", json={"items": [sale.item]}, headers=key)
            other = client.post("/v1/orders", json={"items": [{**sale.item, "quantity": 2}]}, headers=key)
        assert (again.status_code, again.json()) == (201, first.order)
        assert other.status_code == 409


@pytest.mark.prove
@pytest.mark.timeout(400)
@pytest.mark.parametrize("start", [embedded_servers, real_servers], ids=["embedded", "real"])
def test_a_thousand_buyers_share_a_hundred_seats(start: Start, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = found(lambda: stack.enter_context(start(tmp_path)))
        shop = stack.enter_context(System(servers, tmp_path))
        shop.wait_until_ready()
        story = play(shop, servers, SEATS, BUYERS, lambda _: nullcontext())
    print(story)
    assert story.wrong() == []
    assert story.outcomes == {"ordered": SEATS, "stock-gone": BUYERS - SEATS}
    assert story.most_open >= 200
    assert (story.paid, story.cancelled, story.ordered_again) == (70, 10, 10)
    assert (story.seats_sold, story.seats_held) == (70, 30)
