"""The shop's processes, one for each domain and role, and what a test may do to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shop.system import DOMAINS, ROLES, System, embedded_servers
from tests.support.roles import eventually


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
        eventually(lambda: shop.ready("promotion"), "the gateway has found it again", 60)
        with shop.client("promotion", "1", "operator") as operator:
            assert operator.get("/v1/activities").status_code == 200
