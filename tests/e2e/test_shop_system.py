"""Tests of `System`: the shop's processes, one for each domain and role, and what a test may do to them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from aether_adapters.testing.plugin import found
from aether_adapters.testing.waiting import eventually

from tests.shop.servers import require_real_servers
from tests.shop.system import DOMAINS, ROLES, ROOT, System, embedded_servers


@pytest.mark.prove
@pytest.mark.timeout(300)
def test_a_role_that_was_killed_comes_back_on_its_address(tmp_path: Path) -> None:
    with embedded_servers(tmp_path) as servers, System(servers, tmp_path) as shop:
        shop.wait_until_ready()
        assert all(shop.ready(domain) for domain in DOMAINS)

        shop.kill("promotion", "rpc")
        running = {(domain, role) for domain in DOMAINS for role in ROLES if shop.alive(domain, role)}
        assert {(domain, role) for domain in DOMAINS for role in ROLES} - running == {("promotion", "rpc")}
        eventually(lambda: not shop.ready("promotion"), "the gateway misses what is behind it")
        assert shop.ready("trade")

        shop.start("promotion", "rpc")
        eventually(lambda: shop.ready("promotion"), "the gateway has found it again")
        with shop.client("promotion", "1", "operator") as operator:
            assert operator.get("/v1/activities").status_code == 200


NEIGHBOURS = """
from tests.e2e.test_sale_outages import Shop, shop, shops
from tests.shop.sale import open_claims, open_sale, race, subjects

def serves(shop: Shop) -> None:
    sale, claims = open_sale(shop.system, 3), open_claims(shop.system, 3)
    bought, claimed = (race(shop.system, wanted, subjects(3)) for wanted in (sale.wanted, claims))
    assert [len(crowd.made) for crowd in (bought, claimed)] == [3, 3]
    shop.close_the_ledger(bought, claimed)

def test_that_dies_in_the_middle(shop: Shop) -> None:
    open_sale(shop.system, 3)
    shop.servers.redis_server.stop()
    shop.servers.broker.kill()
    shop.servers.mysql.kill()
    shop.system.kill("trade", "rpc")
    raise ZeroDivisionError

def test_its_neighbour(shop: Shop) -> None:
    serves(shop)
"""


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_a_test_that_breaks_the_shop_fails_alone(tmp_path: Path) -> None:
    """The outage tests share a shop; each must get a whole one, whatever the test before left behind."""
    found(require_real_servers)
    module = tmp_path / "test_neighbours.py"
    module.write_text(NEIGHBOURS)
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-c", str(ROOT / "pyproject.toml"), str(module)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "ZeroDivisionError" in done.stdout, done.stdout + done.stderr
    assert "\n1 failed, 1 passed in" in done.stdout, done.stdout + done.stderr
