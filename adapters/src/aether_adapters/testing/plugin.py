"""The pytest plugin: real servers as fixtures, and a table of which suite ran on which implementation.

Every pytest run loads it, so it imports nothing that a test did not ask for. A server comes from
AETHER_TEST_MYSQL_URL, AETHER_TEST_REDIS_URL or AETHER_TEST_KAFKA, else a private one is started and removed.
Where there is none the test is skipped and says what to install; with AETHER_REQUIRE_SERVICES=1 it fails.

A contract suite is parametrized over implementations by id (`summary.IMPLEMENTATIONS`), or marked
`@pytest.mark.implementation("redis")`. It is named by `@pytest.mark.suite("outbox")`, else by its module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from aether_adapters.testing.mysql import MySqlServer

T = TypeVar("T")

pytest.register_assert_rewrite("aether_adapters.testing.readiness", "aether_adapters.testing.stores")

_PLACE: Final = "aether-suite"
"""Under this name a report says which suite and implementation its test belongs to."""


def _missing(reason: str) -> NoReturn:
    if os.environ.get("AETHER_REQUIRE_SERVICES") == "1":
        pytest.fail(f"AETHER_REQUIRE_SERVICES=1, and: {reason}", pytrace=False)
    pytest.skip(reason)


def found(find: Callable[[], T]) -> T:
    """What `find` finds; where a program is not there the test is skipped, or fails."""
    try:
        return find()
    except FileNotFoundError as error:
        _missing(str(error))


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MySqlServer]:
    """A MariaDB or MySQL server that makes databases."""
    from aether_adapters.testing.mysql import MySqlServer, PrivateMySql

    url = os.environ.get("AETHER_TEST_MYSQL_URL")
    if url:
        yield MySqlServer(url)
        return
    with found(PrivateMySql) as private:
        yield private.start()


@pytest.fixture(scope="module")
def mysql_url(mysql_server: MySqlServer) -> Iterator[str]:
    """The URL of a database that is empty when the module starts and dropped when it ends."""
    with mysql_server.database() as url:
        yield url


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an SQLite database that is empty when the module starts."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/test.db"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis, with whatever earlier tests left in it."""
    import shutil

    from aether_adapters.embedded import EmbeddedRedis

    url = os.environ.get("AETHER_TEST_REDIS_URL")
    if url:
        yield url
        return
    binary = shutil.which("redis-server")
    if binary is None:
        _missing(
            "There is no redis-server on the PATH. Install one (`apt install redis-server`), or name a server "
            "that runs already in AETHER_TEST_REDIS_URL (its database is flushed)."
        )
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), binary=Path(binary)) as server:
        yield server.url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a real Redis, its database flushed."""
    return _flushed(redis_server)


@pytest.fixture(scope="session")
def embedded_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the wheel's Redis where there is a wheel, so that a second version is tested."""
    from aether_adapters.embedded import EmbeddedRedis
    from aether_adapters.embedded.redis import find_binary, wheel_binary

    binary = wheel_binary() or found(find_binary)
    with EmbeddedRedis(tmp_path_factory.mktemp("embedded-redis"), binary=binary) as server:
        yield server.url


@pytest.fixture
def embedded_redis_url(embedded_redis_server: str) -> str:
    """The URL of an embedded Redis, its database flushed."""
    return _flushed(embedded_redis_server)


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a real Kafka broker; topics are made on first use, so name yours uniquely."""
    from aether_adapters.testing.kafka import KafkaBroker, find_libraries

    bootstrap = os.environ.get("AETHER_TEST_KAFKA")
    if bootstrap:
        yield bootstrap
        return
    with found(lambda: KafkaBroker(find_libraries(request.config.rootpath))) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def embedded_kafka_bootstrap() -> Iterator[str]:
    """The address of an embedded Kafka; topics are made on first use, so name yours uniquely."""
    from aether_adapters.embedded import EmbeddedKafka

    with EmbeddedKafka() as server:
        yield server.bootstrap


def _flushed(url: str) -> str:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers and start counting."""
    config.addinivalue_line(
        "markers", "suite(name): the contract suite a test belongs to, in the final table"
    )
    config.addinivalue_line(
        "markers", "implementation(name): what a test runs on, when no parameter's id says so"
    )
    config.pluginmanager.register(_Table(), "aether-table")


class _Table:
    """Follows a run, counts, and prints the table at its end.

    A test's place travels in its report, so that the table is whole where tests run in several processes.
    """

    def __init__(self) -> None:
        from aether_adapters.testing.summary import Summary

        self._summary = Summary()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        implementation = _implementation(item)
        if implementation:
            report.user_properties.append((_PLACE, [_suite(item), implementation]))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A test reports three times; its call counts, and a set-up or clean-up that did not pass.
        if report.when == "call" or not report.passed:
            places = (place for name, place in report.user_properties if name == _PLACE)
            for suite, implementation in cast("Iterable[list[str]]", places):
                self._summary.add(suite, implementation, report.outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        lines = self._summary.lines()
        if lines:
            terminalreporter.section("suites by implementation")
            for line in lines:
                terminalreporter.write_line(line)


def _implementation(item: pytest.Item) -> str | None:
    from aether_adapters.testing.summary import implementation_in

    marker = item.get_closest_marker("implementation")
    if marker:
        return str(marker.args[0])
    call = getattr(item, "callspec", None)
    return implementation_in(call.id) if call else None


def _suite(item: pytest.Item) -> str:
    marker = item.get_closest_marker("suite")
    return str(marker.args[0]) if marker else item.path.stem.removeprefix("test_")
