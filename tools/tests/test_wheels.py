"""Wheels of a new workspace: built from a source folder, copied from a wheel file, or left to a package index."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from aether_tools import wheels
from aether_tools.console import UsageError

CHECKOUT = Path(__file__).parents[2]

Install = Callable[[str, Path | None], None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Fakes the installation of a distribution from a folder or a file, or with None from an index."""
    found: dict[str, Distribution] = {}

    def install(name: str, origin: Path | None) -> None:
        record = tmp_path / f"{name}.dist-info"
        record.mkdir()
        if origin is not None:
            (record / "direct_url.json").write_text(json.dumps({"url": origin.as_uri(), "dir_info": {}}))
        found[name] = Distribution.at(record)

    monkeypatch.setattr(wheels, "distribution", lambda name: found[name])
    return install


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """The folder to put wheels into."""
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name.split("-")[0] for path in folder.iterdir())


def test_a_distribution_installed_from_a_checkout_is_built(installed: Install, into: Path) -> None:
    installed("aether-adapters", CHECKOUT / "adapters")
    installed("aether-tools", CHECKOUT / "tools")
    assert wheels.collect(into) == (
        "wheels/ holds aether-adapters and aether-tools as installed here; `make setup` takes them from there."
    )
    assert names(into) == ["aether_adapters", "aether_tools"]
    with zipfile.ZipFile(next(into.glob("aether_tools-*.whl"))) as wheel:
        assert "aether_tools/_templates/templates/workspace/Makefile" in wheel.namelist()


def test_the_wheel_of_a_distribution_installed_from_one_is_copied(
    installed: Install, into: Path, tmp_path: Path
) -> None:
    for name in ("aether-adapters", "aether-tools"):
        wheel = tmp_path / f"a place with spaces/{name.replace('-', '_')}-1.0-py3-none-any.whl"
        wheel.parent.mkdir(exist_ok=True)
        wheel.write_text(name)
        installed(name, wheel)
    assert wheels.collect(into).startswith("wheels/ holds aether-adapters and aether-tools as installed here")
    assert {path.name: path.read_text() for path in into.iterdir()} == {
        "aether_adapters-1.0-py3-none-any.whl": "aether-adapters",
        "aether_tools-1.0-py3-none-any.whl": "aether-tools",
    }


def test_a_distribution_installed_from_an_index_needs_no_wheel(installed: Install, into: Path) -> None:
    installed("aether-adapters", None)
    installed("aether-tools", None)
    assert (
        wheels.collect(into) == "`make setup` takes aether-adapters and aether-tools from your package index."
    )
    assert names(into) == []


def test_a_wheel_that_no_longer_exists_is_reported(installed: Install, into: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing/aether_tools-1.0-py3-none-any.whl"
    installed("aether-adapters", None)
    installed("aether-tools", missing)
    assert wheels.collect(into) == (
        "Before `make setup`, put wheels of aether-tools into wheels/, or configure a package index that "
        f"has them: they were installed from {missing}, which no longer exists."
    )
    assert names(into) == []


def test_a_failed_build_is_reported_with_what_to_do(installed: Install, into: Path, tmp_path: Path) -> None:
    (tmp_path / "checkout/tools").mkdir(parents=True)
    installed("aether-adapters", None)
    installed("aether-tools", tmp_path / "checkout/tools")
    with pytest.raises(
        UsageError, match=rf"cannot build the wheel of .*tools: .*\. Run `make setup` in {tmp_path}/checkout "
    ):
        wheels.collect(into)


def test_the_command_replaces_the_wheels_of_an_earlier_version(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/aether_tools-0.0.1-py3-none-any.whl").touch()
    (tmp_path / "dist/aether_trade-0.0.1-py3-none-any.whl").touch()
    command = [sys.executable, "-m", "aether_tools.wheels", str(CHECKOUT), str(tmp_path / "dist")]
    subprocess.run(command, check=True)
    earlier = [path.name for path in (tmp_path / "dist").iterdir() if "-0.0.1-" in path.name]
    assert names(tmp_path / "dist") == ["aether_adapters", "aether_tools", "aether_trade"]
    assert earlier == ["aether_trade-0.0.1-py3-none-any.whl"]  # not one of these wheels, so it stays
