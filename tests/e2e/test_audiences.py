"""Services with audiences of their own: a token for one is refused at another, and they still call each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.shop.sale import open_sale, race, subjects
from tests.shop.system import System, embedded_servers


@pytest.mark.prove
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("settings", "made"),
    [
        pytest.param({"TRADE_PROMOTION_AUDIENCE": "aether"}, 2, id="with promotion's audience"),
        pytest.param({}, 0, id="with its own"),
    ],
)
def test_trade_orders_from_a_sale_if_its_tokens_are_meant_for_promotion(
    tmp_path: Path, settings: Mapping[str, str], made: int
) -> None:
    audience = {"TRADE_TOKEN_AUDIENCE": "aether-trade aether"}
    with (
        embedded_servers(tmp_path) as servers,
        System(servers, tmp_path, {**audience, **settings}, gateway=False) as shop,
    ):
        shop.wait_until_ready()
        sale = open_sale(shop, 2)
        assert len(race(shop, sale.wanted, subjects(2)).made) == made
