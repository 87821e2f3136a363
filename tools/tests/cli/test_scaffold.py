"""Which names are refused, and how what was moved into place is taken back when it fails half-way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from aether_tools import scaffold
from aether_tools.console import Complaint

from .conftest import tree, write


def test_what_was_moved_goes_back_when_the_next_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, rendered = tmp_path / "root", tmp_path / "rendered"
    write(root / "openapi/old.yaml", "old\n")
    for file in ("openapi/new.yaml", "proto/acme/new/v1/new.proto", "domains/new/pyproject.toml"):
        write(rendered / file, "new\n")
    before = tree(root), tree(rendered)
    real = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "domains":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with pytest.raises(OSError, match="No space"):
            scaffold._move_into(root, rendered)
    assert (tree(root), tree(rendered)) == before
    assert [path.name for path in scaffold._move_into(root, rendered)] == ["new.yaml", "proto", "domains"]


def test_a_file_that_stands_already_with_the_same_content_is_left_alone(tmp_path: Path) -> None:
    root, rendered = tmp_path / "root", tmp_path / "rendered"
    for folder in (root, rendered):
        write(folder / "proto/acme/common/v1/common.proto", "same\n")
    write(rendered / "openapi/new.yaml", "new\n")
    assert scaffold._move_into(root, rendered) == [root / "openapi"]


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "a/b", "a.b", "Billing", "2bill", "bil-ling", "bill ing", "", "_bill", "bill_", "a__b", "é",
     "bill\n", "class", "lambda", "adapters", "tools", "proto", "openapi", "common", "a" * 31],
)  # fmt: skip
def test_what_cannot_name_a_domain_is_refused(name: str) -> None:
    with pytest.raises(Complaint):
        scaffold.checked_name(name, "domain")


@pytest.mark.parametrize("name", ["Acme", "json", "google", "proto", "import", "../evil"])
def test_what_cannot_name_a_workspace_is_refused(name: str) -> None:
    with pytest.raises(Complaint):
        scaffold.checked_name(name, "workspace")


@pytest.mark.parametrize("name", ["billing", "order_book", "b2b", "json", "a" * 30])
def test_what_can_name_a_domain_is_kept(name: str) -> None:
    assert scaffold.checked_name(name, "domain") == name


@pytest.mark.parametrize(
    "name", ["invoice", "Invoice Line", "Invoice-Line", "None", "../X", "", "Übel", "Invoice\n"]
)
def test_what_cannot_be_a_class_is_refused(name: str) -> None:
    with pytest.raises(Complaint):
        scaffold.checked_type(name, "aggregate")
