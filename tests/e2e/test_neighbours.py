"""A neighbour of a service hangs, lags or is gone: what does not need it goes on, what needs it is refused at once.

The same load without a fault, in the same run, is the measure, as the machine may be busy. AETHER_NEIGHBOUR_RATE is the
load in requests a second (60 at full size) and AETHER_NEIGHBOUR_SECONDS the length of each fault (12);
AETHER_NEIGHBOUR_FAULTS=all adds the faults that `make prove` leaves out, MariaDB's among them, and the goals of a quiet
machine.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis
from aether_adapters.testing.mysql import PrivateMySql
from aether_adapters.testing.plugin import found
from sqlalchemy import make_url

from tests.shop.ledger import Acknowledged
from tests.shop.load import Answer, Load, orders, percentile, reads, sessions, within_a_second
from tests.shop.sale import open_sale, subjects
from tests.shop.servers import TOPICS
from tests.shop.story import settled
from tests.shop.system import DOMAINS, Servers, System
from tests.support.links import Link

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1200)]

WHOLE = os.environ.get("AETHER_NEIGHBOUR_FAULTS") == "all"
SECONDS = float(os.environ.get("AETHER_NEIGHBOUR_SECONDS", "5"))
RATE = float(os.environ.get("AETHER_NEIGHBOUR_RATE", "15"))
THREADS = max(4, round(RATE * 16 / 60))
"""Threads of each process, in the proportion of the default to 60 requests a second."""
DETECTION_SECONDS = 3.0
"""By then a fault is known: calls that hang count as failed after one second, units of work after two."""
RECOVERY_SECONDS = 2.0 if WHOLE else 10.0
PERCENT, SOON_SECONDS = (99, 0.3) if WHOLE else (50, 1.0)
"""What percentage of the requests that need the neighbour are answered within how many seconds; of a small load on a
busy machine, the slowest says nothing."""
ON_TIME = 0.995 if WHOLE else 0.8
"""The fraction of requests that succeed within a second, of those that do so without a fault."""
CALLS_PER_REQUEST = 1.2
TEMPORARY = {429, 503}
NEEDS = {
    "promotion": {"order"},
    "redis": {"sessions"},
    "database": {"read", "order"},
    "kafka": set[str](),
}
"""The kinds of requests that need each neighbour; the others must not notice."""


class Neighbour(Protocol):
    """What can be at fault."""

    def frozen(self) -> AbstractContextManager[None]: ...
    def slow(self, seconds: float, /) -> AbstractContextManager[None]: ...
    def refused(self) -> AbstractContextManager[None]: ...


class Broker:
    """The broker, which all clients reach at the address that it names itself."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        self._kafka = kafka

    def frozen(self) -> AbstractContextManager[None]:
        return self.slow(3600.0)

    @contextmanager
    def slow(self, seconds: float, /) -> Iterator[None]:
        self._kafka.rtt(round(seconds * 1000))
        try:
            yield
        finally:
            self._kafka.rtt(0)

    @contextmanager
    def refused(self) -> Iterator[None]:
        self._kafka.broker_down()
        try:
            yield
        finally:
            self._kafka.broker_up()


@dataclass(frozen=True, slots=True)
class Shop:
    system: System
    servers: Servers
    course: str
    neighbours: Mapping[str, Neighbour]
    control: dict[str, list[Answer]]
    """The answers without a fault, by kind of request."""
    placed: dict[tuple[str, str], int]

    @contextmanager
    def loaded(self) -> Iterator[Load]:
        """Load the shop during the block, and remember the orders that were confirmed."""
        people = subjects(20)
        with Load(
            reads(self.system, self.course, RATE / 2, people),
            orders(self.system, self.course, RATE / 4, people),
            sessions(self.system, RATE / 4, people),
        ) as load:
            yield load
        for one in load.answers:
            if one.made is not None:
                self.placed[one.made["buyer"], one.key] = int(one.made["id"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop as deployed, whose processes reach their neighbours over links of this test."""
    folder = tmp_path_factory.mktemp("neighbours")
    with ExitStack() as stack:
        links = {name: stack.enter_context(Link()) for name in ("promotion", "redis", "database")}
        redis = stack.enter_context(EmbeddedRedis(folder / "redis"))
        kafka = stack.enter_context(EmbeddedKafka(TOPICS))
        links["redis"].lead_to(redis.url.split("/")[2])
        if WHOLE:
            server = stack.enter_context(found(PrivateMySql)).start()
            own = {domain: make_url(server.create()) for domain in DOMAINS}
            links["database"].lead_to(f"{own['trade'].host}:{own['trade'].port}")
            databases = {
                domain: url.set(port=links["database"].port).render_as_string(hide_password=False)
                for domain, url in own.items()
            }
        else:
            databases = {domain: f"sqlite:///{folder / domain}.db" for domain in DOMAINS}
        servers = Servers(databases, f"redis://{links['redis'].address}/0", kafka.bootstrap)
        threads = {f"{domain.upper()}_THREADS": str(THREADS) for domain in DOMAINS}
        system = System(servers, folder, {"TRADE_PROMOTION_TARGET": links["promotion"].address, **threads})
        links["promotion"].lead_to(system.grpc["promotion"])
        stack.enter_context(system)
        system.wait_until_ready()
        course = str(open_sale(system, 1).course_id)
        shop = Shop(system, servers, course, {**links, "kafka": Broker(kafka)}, {}, {})
        with shop.loaded() as load:
            time.sleep(1)  # everything is loaded and connected
            begun = time.monotonic()
            time.sleep(SECONDS)
        for kind in ("read", "order", "sessions"):
            shop.control[kind] = load.of(kind, begun, begun + SECONDS)
            assert {one.status for one in shop.control[kind]} <= {200, 201, *TEMPORARY}
        yield shop
        _, discrepancies = settled(servers, system.provider, Acknowledged(placed=shop.placed), seconds=90)
        assert discrepancies == []


FAULTS: dict[str, Callable[[Neighbour], AbstractContextManager[None]]] = {
    "frozen": lambda neighbour: neighbour.frozen(),
    "2 s late": lambda neighbour: neighbour.slow(2.0),
    "200 ms late": lambda neighbour: neighbour.slow(0.2),
    "refusing": lambda neighbour: neighbour.refused(),
}
SAMPLE = {("promotion", "frozen"), ("redis", "frozen")}
CASES = [(name, fault) for name in NEEDS for fault in FAULTS if WHOLE or (name, fault) in SAMPLE]


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_neighbour_at_fault_harms_only_what_needs_it(shop: Shop, name: str, fault: str) -> None:
    neighbour = shop.neighbours[name]
    with shop.loaded() as load:
        time.sleep(0.5)
        calls = _calls(neighbour)
        with FAULTS[fault](neighbour):
            begun = time.monotonic()
            time.sleep(SECONDS)
            healed = time.monotonic()
        calls = _calls(neighbour) - calls
        recovered = _recovery(load, NEEDS[name], healed)
    print(f"{name} {fault}: recovered after {recovered:.1f} s")
    for kind, control in shop.control.items():
        during = load.of(kind, begun, healed)
        known = load.of(kind, begun + DETECTION_SECONDS, healed)
        _print(kind, during, known, control)
        if kind in NEEDS[name]:
            assert {one.status for one in known} <= {200, 201, *TEMPORARY}
            assert (
                percentile(known, PERCENT) <= max(SOON_SECONDS, 3 * percentile(control, PERCENT))
                or fault == "200 ms late"
            )
        else:
            # One may be late on any machine.
            assert within_a_second(during) >= ON_TIME * within_a_second(control) - 1 / len(during)
    if name == "promotion":
        assert calls <= CALLS_PER_REQUEST * len(load.of("order", begun, healed)) + 5
    assert recovered <= RECOVERY_SECONDS


def _calls(neighbour: Neighbour) -> int:
    return neighbour.calls if isinstance(neighbour, Link) else 0


def _recovery(load: Load, kinds: set[str], healed: float) -> float:
    """Return how long after the fault the last request that needs the neighbour failed; wait until others succeed."""
    while time.monotonic() < healed + RECOVERY_SECONDS + 2.0:
        time.sleep(0.1)
        after = [one for one in load.answers if one.name in kinds and one.sent_at >= healed]
        # A busy machine may shed load (429) with or without a fault.
        bad = [one.sent_at for one in after if one.status not in {200, 201, 429}]
        since = max(bad, default=healed)
        good = [one for one in after if one.sent_at > since]
        if time.monotonic() > healed + 2.0 and len(good) >= RATE / 4:
            break
    return since - healed


def _print(kind: str, during: Sequence[Answer], known: Sequence[Answer], control: Sequence[Answer]) -> None:
    statuses: dict[int, Any] = dict(Counter(one.status for one in during))
    print(
        f"  {kind}: {within_a_second(during):.1%} within a second (control {within_a_second(control):.1%}),"
        f" P99 {percentile(during, 99):.3f} s, once known {percentile(known, 99):.3f} s"
        f" (control {percentile(control, 99):.3f} s), {statuses}"
    )
