"""pytest plugin: real servers as fixtures, skipped tests by reason, and suites by implementation.

Every pytest run loads it, so it imports only what a test requests. A server comes from AETHER_TEST_MYSQL_URL,
AETHER_TEST_REDIS_URL or AETHER_TEST_KAFKA; otherwise a private one is started and removed. If that is
impossible, the test is skipped with a message that says what to install; with AETHER_REQUIRE_SERVICES=1 it
fails.

A contract suite is parametrized over implementations by id (`summary.IMPLEMENTATIONS`), or marked
`@pytest.mark.implementation("redis")`. Its name is that of `@pytest.mark.suite("outbox")`, else of its
module.
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

_PROPERTY: Final = "aether-suite"
"""Property of a test report that holds its suite and implementation."""


def _missing(reason: str) -> NoReturn:
    if os.environ.get("AETHER_REQUIRE_SERVICES") == "1":
        pytest.fail(f"AETHER_REQUIRE_SERVICES=1, and: {reason}", pytrace=False)
    pytest.skip(reason)


def found(find: Callable[[], T]) -> T:
    """Return the result of `find`; skip or fail the test if it raises `FileNotFoundError`."""
    try:
        return find()
    except FileNotFoundError as error:
        _missing(str(error))


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MySqlServer]:
    """A MariaDB or MySQL server that creates databases."""
    from aether_adapters.testing.mysql import MySqlServer, PrivateMySql

    url = os.environ.get("AETHER_TEST_MYSQL_URL")
    if url:
        yield MySqlServer(url)
        return
    with found(PrivateMySql) as private:
        yield private.start()


@pytest.fixture(scope="module")
def mysql_url(mysql_server: MySqlServer) -> Iterator[str]:
    """The URL of an empty database, created for the module and dropped afterwards."""
    with mysql_server.database() as url:
        yield url


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an SQLite database that is empty when the module starts."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/test.db"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Redis; it may hold data of earlier tests."""
    import shutil

    from aether_adapters.embedded import EmbeddedRedis

    url = os.environ.get("AETHER_TEST_REDIS_URL")
    if url:
        yield url
        return
    binary = shutil.which("redis-server")
    if binary is None:
        _missing(
            "There is no redis-server on the PATH. Install one (`apt install redis-server`), or name a running "
            "server in AETHER_TEST_REDIS_URL (its database is flushed)."
        )
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), binary=Path(binary)) as server:
        yield server.url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a real Redis with an empty database."""
    return _flushed(redis_server)


@pytest.fixture(scope="session")
def embedded_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the wheel's Redis if installed, so that a second version is tested."""
    from aether_adapters.embedded import EmbeddedRedis
    from aether_adapters.embedded.redis import find_binary, wheel_binary

    binary = wheel_binary() or found(find_binary)
    with EmbeddedRedis(tmp_path_factory.mktemp("embedded-redis"), binary=binary) as server:
        yield server.url


@pytest.fixture
def embedded_redis_url(embedded_redis_server: str) -> str:
    """The URL of an embedded Redis with an empty database."""
    return _flushed(embedded_redis_server)


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a real Kafka broker; topics are created on first use, so choose unique names."""
    from aether_adapters.testing.kafka import KafkaBroker, find_libraries

    bootstrap = os.environ.get("AETHER_TEST_KAFKA")
    if bootstrap:
        yield bootstrap
        return
    with found(lambda: KafkaBroker(find_libraries(request.config.rootpath))) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def embedded_kafka_bootstrap() -> Iterator[str]:
    """The address of an embedded Kafka; topics are created on first use, so choose unique names."""
    from aether_adapters.embedded import EmbeddedKafka

    with EmbeddedKafka() as server:
        yield server.bootstrap


def _flushed(url: str) -> str:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers and register the summary."""
    config.addinivalue_line(
        "markers", "suite(name): the contract suite a test belongs to, in the final table"
    )
    config.addinivalue_line(
        "markers", "implementation(name): what a test runs on, if no parameter id says so"
    )
    config.pluginmanager.register(_Table(), "aether-table")


class _Table:
    """Counts outcomes during a run; prints why tests were skipped, and the table, at its end.

    Suite and implementation are part of the test report, so the table is complete with several processes.
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
            report.user_properties.append((_PROPERTY, [_suite(item), implementation]))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A test reports three times; count its call, and a failed set-up or teardown.
        if report.when == "call" or not report.passed:
            entries = (value for name, value in report.user_properties if name == _PROPERTY)
            for suite, implementation in cast("Iterable[list[str]]", entries):
                self._summary.add(suite, implementation, report.outcome)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        from aether_adapters.testing.summary import skip_lines

        skipped = skip_lines(_reason(report) for report in terminalreporter.stats.get("skipped", []))
        _write_section(terminalreporter, "skipped, by reason (-rs names each test)", skipped)
        _write_section(terminalreporter, "suites by implementation", self._summary.lines())


def _write_section(reporter: pytest.TerminalReporter, title: str, lines: list[str]) -> None:
    """Print `lines` under `title`; nothing without lines."""
    if lines:
        reporter.ensure_newline()  # else it comes between the title and the first line
        reporter.section(title)
        for line in lines:
            reporter.write_line(line)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test, or a whole module, was skipped; pytest keeps file, line and reason."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else report.longreprtext


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
