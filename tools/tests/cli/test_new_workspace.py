"""`aether new --workspace`: creates a complete workspace or nothing."""

from __future__ import annotations

from pathlib import Path

from .conftest import Aether, tree, write
from .test_new_domain import refused


def test_a_workspace_is_created_and_found(aether: Aether, tmp_path: Path) -> None:
    ran = aether("new", "--workspace", "acme")
    assert ran.code == 0, ran.err
    assert '[tool.aether]\nname = "acme"\n' in (tmp_path / "acme/pyproject.toml").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["acme"]
    assert "no domain to run" in refused(aether("run", cwd=tmp_path / "acme"))


def test_a_workspace_created_from_a_checkout_has_the_wheels_that_its_setup_needs(
    aether: Aether, tmp_path: Path
) -> None:
    output = aether("new", "--workspace", "acme").out
    assert "wheels/ holds aether-adapters and aether-tools as installed here" in output
    made = sorted(path.name.split("-")[0] for path in (tmp_path / "acme/wheels").iterdir())
    assert made == ["aether_adapters", "aether_tools"]


def test_the_destination_may_be_empty_or_missing(aether: Aether, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in ("empty", "deep/er/one"):
        assert aether("new", "--workspace", "acme", path).code == 0
        assert (tmp_path / path / "pyproject.toml").is_file()


def test_a_folder_that_is_not_empty_is_rejected(aether: Aether, tmp_path: Path) -> None:
    write(tmp_path / "acme/mine.txt", "mine\n")
    before = tree(tmp_path)
    assert "not an empty folder" in refused(aether("new", "--workspace", "acme"))
    assert tree(tmp_path) == before


def test_a_file_at_the_destination_is_rejected(aether: Aether, tmp_path: Path) -> None:
    write(tmp_path / "acme", "mine\n")
    assert "not an empty folder" in refused(aether("new", "--workspace", "acme"))
    assert (tmp_path / "acme").read_text() == "mine\n"


def test_an_unwritable_destination_is_rejected(aether: Aether) -> None:
    assert "cannot write the workspace 'acme'" in refused(
        aether("new", "--workspace", "acme", "/proc/acme/deep")
    )


def test_a_failure_removes_the_folders_that_it_created(
    aether: Aether, tmp_path: Path, template: Path
) -> None:
    write(template / "templates/workspace/x.jinja", "{% if %}")
    before = tree(tmp_path)
    assert aether("new", "--workspace", "acme", "deep/acme", "--from", str(template)).code == 2
    assert tree(tmp_path) == before


def test_an_invalid_name_is_rejected(aether: Aether, tmp_path: Path) -> None:
    assert "already the name of a Python module" in refused(aether("new", "--workspace", "json"))
    assert list(tmp_path.iterdir()) == []
