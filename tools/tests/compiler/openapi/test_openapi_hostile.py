"""Hostile text at every place of a REST contract: a finding names the place, or the generated code carries the text.

AETHER_FUZZ_CASES sets the number of contracts of the long run.
"""

from __future__ import annotations

import builtins
import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from aether_adapters.kernel.identity import Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import build_app
from aether_tools.finding import ContractError

from tools.tests.compiler.openapi.hostile import TEXTS, WORST, hostile

KITCHEN = yaml.safe_load(
    (Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml").read_text(encoding="utf-8")
)
CASES = int(os.environ.get("AETHER_FUZZ_CASES", "500"))


def written(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def imported(folder: Path, files: dict[str, bytes]) -> ModuleType:
    """Import a generated REST edge as a module of its own."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    spec = importlib.util.spec_from_file_location(f"hostile_{folder.name}", folder / "kitchen.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def operations(module: ModuleType) -> dict[str, Any]:
    port = type("Port", (), {"__getattr__": lambda self, name: None})()
    return {each.operation_id: each for each in module.operations(port)}


def expected_documentation(operation: dict[str, Any]) -> list[str]:
    texts = [operation.get("summary"), operation.get("description")]
    words = "\n\n".join(text.strip() for text in texts if text).strip()
    return [line.rstrip(" ") for line in words.split("\n")]


def documentation(function: Any) -> list[str]:
    """A docstring's lines, without the margin and the blanks that keep quotes apart."""
    first, *others = function.__doc__.strip(" ").split("\n")
    others = [line.removeprefix("    ") for line in others]
    return [first, *(others[:-1] if others and not others[-1].strip(" ") else others)]


def check(kitchen: Any, folder: Path, seed: int, *, serve: bool) -> bool:
    """Compile one hostile contract, and start its edge if it is to `serve`. Return whether it was compiled."""
    contract = hostile(KITCHEN, random.Random(seed))
    try:
        files = kitchen.compile(written(contract))
    except ContractError as refused:
        for finding in refused.findings:
            assert finding.location.line and finding.location.file and finding.reason and finding.fix
            assert all(line.isprintable() for line in str(finding).split("\n"))
            assert len(str(finding).split("\n")) == 2
        return False
    module = imported(folder / str(seed), files)
    assert not hasattr(builtins, "CANARY"), "text of a contract was run as code"
    served = yaml.safe_load(files["kitchen.yaml"])
    assert served == contract
    bound = operations(module)
    for item in contract["paths"].values():
        for each in (value for value in item.values() if isinstance(value, dict) and "operationId" in value):
            operation = bound[each["operationId"]]
            scopes = [scope for needed in each.get("security", ()) for scope in needed["bearer"]]
            assert sorted(operation.scopes) == sorted(set(scopes))
            if expected_documentation(each) != [""] and not each.get("deprecated"):
                assert documentation(operation.decode) == expected_documentation(each)
    if serve:
        errors, health = ErrorTable("kitchen", {}), Health({})
        build_app(
            module.CONTRACT,
            tuple(bound.values()),
            errors=errors,
            verify=lambda _: Identity(subject="ada"),
            health=health,
        )
    return True


def well_formed(folder: Path) -> None:
    """Generated modules are clean whatever the text, and formatted unless it is too long for a line."""
    long = {
        file for file in folder.rglob("*.py") if any(len(line) > 110 for line in file.read_text().split("\n"))
    }
    short = sorted(set(folder.rglob("*.py")) - long)
    ruff = [sys.executable, "-m", "ruff"]
    commands: tuple[list[str | Path], ...] = (
        ["check", "--isolated", "--select", "E9,F,PLE", folder],
        ["format", "--check", "--line-length", "110", *short],
    )
    for command in commands:
        done = subprocess.run([*ruff, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]


def run(kitchen: Any, folder: Path, seeds: range, *, serve: bool) -> None:
    builtins.__dict__.pop("CANARY", None)
    compiled = sum(check(kitchen, folder, seed, serve=serve) for seed in seeds)
    assert len(seeds) // 6 < compiled < len(seeds), "the sample neither refuses all nor accepts all"
    well_formed(folder)


def test_hostile_text_is_refused_with_its_place_or_carried(kitchen: Any, tmp_path: Path) -> None:
    run(kitchen, tmp_path, range(30), serve=False)


@pytest.mark.prove
@pytest.mark.timeout(1200)
def test_hostile_text_is_refused_or_carried_in_many_contracts(kitchen: Any, tmp_path: Path) -> None:
    run(kitchen, tmp_path, range(1000, 1000 + CASES), serve=True)


@pytest.mark.parametrize("text", WORST)
def test_a_property_of_any_name_is_read_and_written(
    kitchen: Any, load: Callable[[dict[str, bytes]], Any], text: str
) -> None:
    contract = yaml.safe_load(written(KITCHEN))
    plain = contract["components"]["schemas"]["Plain"]
    plain["properties"][text] = plain["properties"].pop("name") | {"x-field": "name", "default": text}
    plain["required"] = ["ripe", text]
    edge = load(kitchen.compile(written(contract)))
    request = edge.decode("rename", path={"id": "1"}, body={text: "n", "ripe": True})
    assert request.plain.name == "n"
    types = importlib.import_module("oas.kitchen.v1.types")
    answer = types.RenameResponse(version=1, plains=(types.Plain(name=text, ripe=False),))
    assert edge.encode("rename", answer).body["plains"] == [{text: text, "ripe": False}]


def test_a_default_of_any_text_reaches_the_use_case(
    kitchen: Any, load: Callable[[dict[str, bytes]], Any]
) -> None:
    contract = yaml.safe_load(written(KITCHEN))
    target = contract["paths"]["/targets/{shelf}"]["put"]
    body = target["requestBody"]["content"]["application/json"]["schema"]
    body["properties"]["reason"]["default"] = "".join(TEXTS)
    edge = load(kitchen.compile(written(contract)))
    query = {"row": 1, "ripe": True, "name": "n"}
    assert edge.decode("moveThing", path={"shelf": "s"}, query=query).why == "".join(TEXTS)


def test_a_header_carries_its_template(kitchen: Any, load: Callable[[dict[str, bytes]], Any]) -> None:
    contract = yaml.safe_load(written(KITCHEN))
    headers = contract["paths"]["/jobs"]["post"]["responses"]["201"]["headers"]
    headers["Link"] = {"x-from": '<{slug}>; rel="it\'s \\ %d"', "schema": {"type": "string"}}
    edge = load(kitchen.compile(written(contract)))
    types = importlib.import_module("oas.kitchen.v1.types")
    reply = edge.encode("startJob", types.StartResponse(created=True, slug="a b", version=3))
    assert ("link", '<a%20b>; rel="it\'s \\ %d"') in reply.headers


def test_an_extension_among_paths_and_statuses_is_neither(kitchen: Any, tmp_path: Path) -> None:
    contract = yaml.safe_load(written(KITCHEN))
    contract["paths"]["x-note"] = "text"
    contract["paths"]["/ping"]["x-note"] = "text"
    contract["paths"]["/ping"]["get"]["responses"]["x-note"] = "text"
    module = imported(tmp_path / "edge", kitchen.compile(written(contract)))
    bound = tuple(operations(module).values())
    errors, health = ErrorTable("kitchen", {}), Health({})
    assert build_app(
        module.CONTRACT, bound, errors=errors, verify=lambda _: Identity(subject="ada"), health=health
    )
