"""Tests of the plugin in a foreign workspace: skips, failures, summary, import cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SUITES = """
import pytest

@pytest.fixture(params=["memory", "sqlite"])
def orders(request):
    return request.param

def test_keeps(orders):
    assert True

@pytest.mark.parametrize("size", [1, 2])
def test_finds(orders, size):
    assert (orders, size) != ("sqlite", 2)

@pytest.mark.suite("rates")
@pytest.mark.implementation("redis")
def test_counts():
    pytest.skip("not today")

@pytest.mark.suite("rates")
@pytest.mark.parametrize("limit", [pytest.param(3, id="embedded")])
def test_breaks(limit):
    assert True

@pytest.fixture
def broken(orders):
    raise RuntimeError

def test_cannot_start(broken):
    assert True

def test_of_no_suite():
    assert True
"""


_ALONE = ("-p", "aether_adapters.testing.plugin")


def _pytest(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as in a foreign workspace; `_ALONE` loads no other plugin, which is much faster."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("AETHER_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *arguments],
        cwd=folder,
        env=settings | env | ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if arguments[:2] == _ALONE else {}),
        capture_output=True,
        text=True,
    )


def test_the_run_ends_with_suites_by_implementation(tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(_SUITES)
    output = _pytest(tmp_path).stdout.splitlines()
    (title,) = (number for number, line in enumerate(output) if "suites by implementation" in line)
    assert output[title + 1 : title + 4] == [
        "suite   memory       embedded  sqlite       redis",
        "orders  3, 1 failed  -         2, 2 failed  -",
        "rates   -            1         -            1 skipped",
    ]


def test_a_run_without_suites_has_no_table(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text("def test_plain(): assert True")
    done = _pytest(tmp_path, *_ALONE)
    assert (done.returncode, "suites by implementation" in done.stdout) == (0, False)
    assert "by reason" not in done.stdout


_SKIPS = """
import pytest

@pytest.fixture
def server():
    pytest.skip("There is no server.\\n  Install one.")

@pytest.mark.parametrize("size", range(12))
def test_asks(server, size): ...

@pytest.mark.skip(reason="not today")
def test_rests(): ...

@pytest.mark.implementation("redis")
def test_counts(): ...
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "several"])
def test_skipped_tests_are_one_line_for_each_reason(tmp_path: Path, options: tuple[str, ...]) -> None:
    for name in ("orders", "rates"):
        (tmp_path / f"test_{name}.py").write_text(_SKIPS)
    (tmp_path / "test_whole.py").write_text("import pytest; pytest.importorskip('no_such_module')")
    output = _pytest(tmp_path, *options).stdout.splitlines()
    (title,) = (number for number, line in enumerate(output) if "skipped, by reason" in line)
    assert output[title + 1 : title + 4] == [
        "24  There is no server. Install one.",
        " 2  not today",
        " 1  could not import 'no_such_module': No module named 'no_such_module'",
    ]
    assert "suites by implementation" in output[title + 4]
    assert output[title + 5 : -1] == ["suite   redis", "orders  1", "rates   1"]
    assert "2 passed, 27 skipped" in output[-1]


def test_a_flag_names_each_skipped_test(tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(_SKIPS)
    output = _pytest(tmp_path, *_ALONE, "-rs").stdout
    assert "SKIPPED [12] test_orders.py:8: There is no server." in output
    assert "SKIPPED [1] test_orders.py:11: not today" in output


_ASKING = {
    "mysql_url": "apt install mariadb-server",
    "redis_url": "apt install redis-server",
    "kafka_bootstrap": "provision.sh",
}


@pytest.mark.parametrize("fixture", list(_ASKING))
def test_a_missing_server_skips_and_says_what_to_install(tmp_path: Path, fixture: str) -> None:
    done = _pytest_without_servers(tmp_path, fixture)
    assert (done.returncode, "1 skipped" in done.stdout) == (0, True), done.stdout
    assert _ASKING[fixture] in done.stdout


@pytest.mark.parametrize("fixture", list(_ASKING))
def test_a_missing_server_fails_if_services_are_required(tmp_path: Path, fixture: str) -> None:
    done = _pytest_without_servers(tmp_path, fixture, AETHER_REQUIRE_SERVICES="1")
    assert (done.returncode, "1 error" in done.stdout) == (1, True), done.stdout
    assert _ASKING[fixture] in done.stdout


def _pytest_without_servers(folder: Path, fixture: str, **env: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_asks.py").write_text(f"def test_asks({fixture}): assert {fixture}")
    (folder / "conftest.py").write_text(
        "import aether_adapters.testing.mysql as mysql\n"
        f"mysql._SEARCH = {str(folder)!r}\n"  # /usr/sbin is searched whatever the PATH
    )
    return _pytest(folder, *_ALONE, "-rs", PATH=str(folder), COLUMNS="400", **env)


def test_servers_named_by_the_environment_are_used(tmp_path: Path) -> None:
    (tmp_path / "test_named.py").write_text(
        "def test_named(kafka_bootstrap, redis_server, mysql_server):\n"
        "    assert kafka_bootstrap == 'broker:9092'\n"
        "    assert redis_server == 'redis://cache:6379/3'\n"
        "    assert mysql_server.url == 'mysql+pymysql://me:secret@sql:3307/'\n"
    )
    done = _pytest(
        tmp_path,
        *_ALONE,
        AETHER_TEST_KAFKA="broker:9092",
        AETHER_TEST_REDIS_URL="redis://cache:6379/3",
        AETHER_TEST_MYSQL_URL="mysql+pymysql://me:secret@sql:3307/shop",
    )
    assert done.returncode == 0, done.stdout


def test_loading_the_plugin_imports_no_technology(tmp_path: Path) -> None:
    (tmp_path / "test_light.py").write_text(
        "import sys\n"
        "def test_light():\n"
        "    assert 'aether_adapters.testing.plugin' in sys.modules\n"
        "    heavy = {'sqlalchemy', 'pymysql', 'redis', 'confluent_kafka', 'grpc', 'connexion', 'orjson'}\n"
        "    assert heavy.isdisjoint(sys.modules)\n"
    )
    done = _pytest(tmp_path, *_ALONE)
    assert done.returncode == 0, done.stdout
