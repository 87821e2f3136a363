"""A team in another language can compile proto/ directly, here and in a new workspace."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.acme import Acme

from .conftest import CHECKOUT, run

BUF = Path(sys.executable).with_name("buf")
PROTOC = Path(sys.executable).with_name("protoc")
OPTIONS = "aether_adapters/contract/options.proto"


@pytest.fixture(params=["this repository", "a new workspace"])
def root(request: pytest.FixtureRequest) -> Path:
    """The root of a workspace; tests only read it."""
    if request.param == "this repository":
        return CHECKOUT
    billing: Acme = request.getfixturevalue("billing")
    return billing.root


@pytest.fixture
def proto(root: Path, tmp_path: Path) -> Path:
    """A copy of its folder proto/, without the rest of the workspace."""
    return Path(shutil.copytree(root / "proto", tmp_path / "proto"))


def contracts(proto: Path) -> list[str]:
    """Return every .proto file in the folder."""
    return sorted(path.relative_to(proto).as_posix() for path in proto.rglob("*.proto"))


def test_buf_lint_is_clean(proto: Path) -> None:
    assert run(BUF, "lint", cwd=proto) == ""


def test_buf_does_lint_the_contracts(proto: Path) -> None:
    contract = next(file for file in contracts(proto) if file != OPTIONS and "events" not in file)
    (proto / contract).write_text((proto / contract).read_text() + "message not_pascal {}\n")
    with pytest.raises(AssertionError, match=f'{contract}:.*Message name "not_pascal" should be PascalCase'):
        run(BUF, "lint", cwd=proto)


def test_buf_builds_each_file_once(proto: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.json"
    run(BUF, "build", "--output", image, cwd=proto)
    names = [file["name"] for file in json.loads(image.read_bytes())["file"]]
    own = [name for name in names if not name.startswith("google/")]
    assert sorted(own) == contracts(proto)


@pytest.mark.parametrize("language", ["java", "cpp"])
def test_protoc_needs_this_folder_alone(proto: Path, tmp_path: Path, language: str) -> None:
    out = tmp_path / language
    out.mkdir()
    files = contracts(proto)
    run(PROTOC, "-I", proto, f"--{language}_out={out}", *files, cwd=tmp_path)
    made = [path for path in out.rglob("*") if path.suffix in (".java", ".h")]
    assert len(made) >= len(files)


def test_the_wheel_carries_its_contracts_beside_the_python(proto: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path, cwd=proto)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert sorted(name for name in names if name.endswith(".proto")) == [
        file for file in contracts(proto) if file != OPTIONS
    ]
    (workspace,) = {file.split("/")[0] for file in contracts(proto)} - {"aether_adapters"}
    assert f"{workspace}/common/v1/common_pb2.py" in names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {workspace}
