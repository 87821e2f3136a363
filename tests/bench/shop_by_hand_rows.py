"""Two requests of the shop as a good team would write them by hand, in the units of `shop_rows`; without a bound.

They run beside the shop, on its database and its Redis, and answer with the same status, and a course with the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from aether_tools.workspace import ISSUER, Workspace
from redis import Redis

from tests.bench.grpc_contract import generated
from tests.bench.harness import Row, Side
from tests.bench.http_sides import asgi, load, per_cpu_second
from tests.bench.processes import ROOT, started
from tests.bench.rest_rows import create
from tests.bench.shop import MeasuredShop, measured_shop
from tests.bench.shop_by_hand import stock_key
from tests.bench.shop_rows import CONNECTIONS, WARM_UP_SECONDS, ShopSide, Visit, answer, read, sold_out


@contextmanager
def _sides(visiting: Callable[[MeasuredShop], Visit]) -> Iterator[tuple[Side, Side]]:
    with ExitStack() as stack:
        stack.enter_context(generated())
        bare = stack.enter_context(asgi("tests.bench.rest_apps:starlette")())
        shop = stack.enter_context(measured_shop())
        visit = visiting(shop)
        expected = answer(shop.system.rest[visit.domain], visit)
        port, by_hand = stack.enter_context(_by_hand(shop, visit))
        found = answer(f"http://127.0.0.1:{port}", visit)
        if found.status_code != expected.status_code or (
            found.is_success and found.json() != expected.json()
        ):
            raise RuntimeError(f"the sides differ: {expected.text} and {found.text}")
        idle = by_hand.idle()
        answers = stack.enter_context(load(port, visit.requests, connections=CONNECTIONS, same_length=False))
        answers(WARM_UP_SECONDS)
        bare_load = stack.enter_context(load(bare.port, [create()]))
        yield ShopSide(by_hand, idle, answers), per_cpu_second(bare_load, bare.pid)


@contextmanager
def _by_hand(shop: MeasuredShop, visit: Visit) -> Iterator[tuple[int, MeasuredShop]]:
    """Start the gateway and the service. Yields the gateway's port, and the processes to measure."""
    workspace, environment = Workspace.find(ROOT), shop.system.environment("trade", "rpc")
    place = {
        "DATABASE": environment["TRADE_DATABASE_URL"],
        "REDIS": environment["TRADE_REDIS_URL"],
        "JWKS": workspace.jwks,
        "ISSUER": ISSUER,
        "AUDIENCE": workspace.name,
        "LOG": str(shop.system.folder / "by-hand.log"),
        "RPC_PORT": "",  # known once the service runs
    }
    os.environ |= {f"BY_HAND_{name}": value for name, value in place.items()}
    with Redis.from_url(place["REDIS"]) as redis:
        for activity in visit.sold_out:
            redis.set(stock_key(activity), 0)
    with started("tests.bench.shop_by_hand", "rpc", core=0) as line:
        rpc_port, rpc_pid = line.split()
        os.environ["BY_HAND_RPC_PORT"] = rpc_port
        with started("tests.bench.shop_by_hand", "api", core=0) as line:
            port, pid = map(int, line.split())
            pids = {"redis": shop.pids["redis"], "api": pid, "rpc": int(rpc_pid)}
            yield port, MeasuredShop(shop.system, pids)


def _row(path: str, visiting: Callable[[MeasuredShop], Visit], allowance: int) -> Row:
    against = f"{allowance} requests of bare starlette"
    return Row(f"{path} (by hand)", against, None, "req/cpu-s", partial(_sides, visiting), allowance, 3.0)


ROWS = (_row("shop-read", read, 16), _row("shop-sold-out", sold_out, 20))
