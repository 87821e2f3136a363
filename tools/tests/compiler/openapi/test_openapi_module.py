"""The generated module as a file: strict types, a formatter's layout, the same bytes every time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.kernel.errors import Malformed

ROOT = Path(__file__).parents[4]
KITCHEN = (Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")
CHOICE = KITCHEN.replace(
    "    Choice:\n      type: object\n",
    "    Choice:\n      oneOf: [{required: [byWord]}, {required: [byNumber]}, {required: [byLeaf]}, "
    "{required: [byPlain]}, {required: [byMoment]}]\n      type: object\n",
)


def write(kitchen: Any, folder: Path, yaml: str) -> Path:
    folder.mkdir()
    for name, content in kitchen.compile(yaml).items():
        (folder / name).write_bytes(content)
    return folder / "kitchen.py"


def mypy(kitchen: Any, tmp_path: Path, file: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        os.devnull,
        "--explicit-package-bases",
    ]
    command += [
        "--cache-dir",
        str(tmp_path / "cache"),
        "--follow-imports",
        "silent",
        "--ignore-missing-imports",
    ]
    path = os.pathsep.join([str(kitchen.root / "proto" / "gen"), str(ROOT / "adapters" / "src")])
    environment = {**os.environ, "MYPYPATH": path}
    done = subprocess.run([*command, str(file)], env=environment, capture_output=True, text=True, check=False)
    return done.stdout


def test_generated_modules_are_clean_under_mypy_strict(kitchen: Any, tmp_path: Path) -> None:
    whole = write(kitchen, tmp_path / "whole", KITCHEN)
    choice = write(kitchen, tmp_path / "choice", CHOICE)
    assert mypy(kitchen, tmp_path, whole).startswith("Success: no issues found")
    assert mypy(kitchen, tmp_path, choice).startswith("Success: no issues found")
    text = whole.read_text(encoding="utf-8")
    whole.write_text(text.replace("value.ripe", "value.rype").replace("Reply(204)", "Reply('204')"))
    found = mypy(kitchen, tmp_path, whole)
    assert '"Plain" has no attribute "rype"' in found
    assert 'Argument 1 to "Reply" has incompatible type "str"' in found


def test_generated_modules_are_as_the_formatter_and_the_linter_want_them(
    kitchen: Any, tmp_path: Path
) -> None:
    for name, yaml in (("whole", KITCHEN), ("choice", CHOICE)):
        file = write(kitchen, tmp_path / name, yaml)
        for command in (["format", "--check"], ["check", "--no-cache"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(file)],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout


def test_two_processes_write_the_same_bytes(kitchen: Any) -> None:
    kitchen.compile(KITCHEN)
    program = (
        "import sys, hashlib; from pathlib import Path\n"
        "from aether_tools.compiler.compilation import compile_rest_edge\n"
        "from aether_tools.compiler.proto.front_end import read\n"
        "root = Path(sys.argv[1]); contracts = read(root, 'oas').contracts\n"
        "package = next(p for p in contracts.packages if p.domain == 'kitchen')\n"
        "out = compile_rest_edge(contracts, package, root / 'openapi' / 'kitchen.yaml', root).files\n"
        "print(hashlib.sha256(out['kitchen.py'] + out['kitchen.yaml']).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, str(kitchen.root)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(digests) == 1


def test_a_oneof_the_contract_promises_is_never_left_out(kitchen: Any, load: Any, types: Any) -> None:
    chosen = load(kitchen.compile(CHOICE))
    leaf = {"name": "", "weight": "0", "leaves": []}
    smallest: dict[str, Any] = {
        "aColour": "COLOUR_RED",
        "aLeaf": leaf,
        "aPlain": {"name": "", "ripe": False},
        "aTimestamp": "1970-01-01T00:00:00Z",
        "aDuration": "0s",
        "aMask": "",
        "aStruct": {},
        "aValue": None,
        "aList": [],
    }
    value = chosen.decode("mirror", body=smallest | {"byNumber": "5"})
    assert value.choice == types.EverythingByNumber(value=5)
    assert chosen.encode("mirror", value).body["byNumber"] == "5"
    with pytest.raises(Malformed, match="holds none of byWord, byNumber, byLeaf, byPlain, byMoment"):
        chosen.decode("mirror", body=smallest)
