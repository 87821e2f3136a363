"""What the check remembers is never stale: after any edit it finds what a check without memory finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aether_tools.check import workspace_check
from aether_tools.check.cache import Cache, Results
from aether_tools.check.container.containers import check_containers
from aether_tools.check.inputs import Inputs
from aether_tools.check.workspace_check import check_files, check_workspace
from aether_tools.finding import Finding
from aether_tools.workspace import Domain, Workspace

from .conftest import PACKAGE, Shop, said

CONTAINER = f"{PACKAGE}/container.py"
STORE = f"{PACKAGE}/adapters/store.py"


def files_checked(root: Path, *, fresh: bool) -> list[Finding]:
    """Return the findings of the checks that only read files, and remember them unless `fresh`."""
    workspace = Workspace.find(root)
    results = Results(workspace, fresh=fresh)
    found = sorted(check_files(workspace, workspace.domains(), results))
    results.save()
    return found


def checked(root: Path, *, fresh: bool = False) -> list[Finding]:
    """Return the findings of all checks, and remember them unless `fresh`."""
    workspace = Workspace.find(root)
    results = Results(workspace, fresh=fresh)
    found = sorted(check_workspace(workspace, workspace.domains(), results))
    results.save()
    return found


LINES = (
    "import sqlalchemy",
    "import os",
    "from acme_billing import container",
    "x: list[int] = []",
    "def broken(:",
    "# a comment",
    "from acme.billing.v1 import events",
    "SEEN = {}",
)


def edited(root: Path, chance: random.Random) -> str:
    """Make one edit of one file of the workspace, as a person or a checkout does. Return what it was."""
    files = sorted(each for each in root.rglob("*") if each.is_file() and ".aether" not in each.parts)
    file = chance.choice(files)
    lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    at = chance.randrange(len(lines))
    what = chance.choice(
        ("insert", "insert", "delete", "swap", "letter", "remove", "add", "rename", "domain")
    )
    match what:
        case "insert":
            lines.insert(at, chance.choice(LINES))
        case "delete":
            del lines[at]
        case "swap":
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case "letter":
            place = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + chance.choice("_x1 ") + lines[at][place + 1 :]
        case "remove" if file.name != "pyproject.toml":
            file.unlink()
            return f"{what} {file}"
        case "add":
            file = file.with_name(f"added{chance.randrange(3)}{file.suffix}")
        case "rename" if file.name != "pyproject.toml":
            file.rename(file.with_name(f"renamed_{file.name}"))
            return f"{what} {file}"
        case "domain":
            file = root / f"domains/{chance.choice(('user', 'trade'))}/pyproject.toml"
            file.parent.mkdir(parents=True, exist_ok=True)
    if file.name != "pyproject.toml" or what == "domain":  # a workspace that is none ends the command
        file.write_text("\n".join(lines), encoding="utf-8")
    else:
        file.write_text("\n".join([*file.read_text().split("\n"), f"# {at}"]), encoding="utf-8")
    return f"{what} {file}"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.prove) for seed in range(1, 8))])
def test_after_any_edit_the_findings_are_those_of_a_check_without_memory(events: Shop, seed: int) -> None:
    chance = random.Random(seed)
    root, seen = events.root, set()
    states: list[dict[Path, bytes]] = []
    for step in range(25):
        if states and chance.random() < 0.25:
            _restore(root, chance.choice(states))  # back to what was there before, as a checkout does
            what = "restore"
        else:
            states.append(_state(root))
            what = edited(root, chance)
        cold, warm = files_checked(root, fresh=True), files_checked(root, fresh=False)
        assert warm == cold, f"seed {seed}, step {step}: {what}"
        assert files_checked(root, fresh=False) == cold
        seen.add(tuple(cold))
    assert len(seen) >= 3, "the edits change nothing, so this test could not fail"


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2))
def test_after_any_edit_the_containers_are_those_of_a_check_without_memory(
    events: Shop, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    states: list[dict[Path, bytes]] = []
    seen = set()
    for step in range(12):
        what = "a variable"
        match chance.randrange(5):
            case 0 if states:
                _restore(events.root, chance.choice(states))
                what = "restore"
            case 1:
                monkeypatch.setenv("BILLING_RATE", str(chance.random()))
            case _:
                states.append(_state(events.root))
                what = edited(events.root, chance)
        warm, cold = said(checked(events.root)), said(checked(events.root, fresh=True))
        assert warm == cold, f"seed {seed}, step {step}: {what}"
        seen.add(tuple(cold))
    assert len(seen) >= 3, "the edits change nothing, so this test could not fail"


def _state(root: Path) -> dict[Path, bytes]:
    return {
        each: each.read_bytes() for each in root.rglob("*") if each.is_file() and ".aether" not in each.parts
    }


def _restore(root: Path, state: dict[Path, bytes]) -> None:
    for each in _state(root).keys() - state.keys():
        each.unlink()
    for each, content in state.items():
        if not each.exists() or each.read_bytes() != content:
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_bytes(content)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of the domains that each check builds the containers of."""
    built: list[list[str]] = []

    def counting(
        workspace: Workspace, domains: list[Domain], *, unmigrated: set[str]
    ) -> Iterator[tuple[str, Finding]]:
        built.append([each.name for each in domains])
        return check_containers(workspace, domains, unmigrated=unmigrated)

    monkeypatch.setattr(workspace_check, "check_containers", counting)
    return built


def test_a_clean_container_is_not_built_again_until_an_input_changes(
    shop: Shop, counted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (checked(shop.root), checked(shop.root)) == ([], [])
    assert counted == [["billing"], []]
    changes: list[Callable[[], object]] = [
        lambda: monkeypatch.setenv("BILLING_RATE", "1"),
        lambda: shop.write("domains/billing/migrations/env.py", ""),
        lambda: shop.write("domains/billing/README.md", "It may be read."),
        lambda: shop.write("proto/gen/acme/other/v1/types.py", ""),
        lambda: shop.add("adapters/store.py", "# a comment"),
    ]
    for change in changes:
        before = Inputs(Workspace.find(shop.root)).of("process:billing")
        change()
        assert Inputs(Workspace.find(shop.root)).of("process:billing") != before
    counted.clear()
    shop.replace(STORE, "def save", "def store")
    assert said(checked(shop.root)) == said(checked(shop.root)) == [f"container-type {CONTAINER}:10:1"]
    assert counted == [["billing"], ["billing"]], "what is broken is tried again"


def test_a_container_that_imports_another_domain_depends_on_its_sources(shop: Shop) -> None:
    for name, text in (("trade", "from acme_user import b"), ("user", "b = 1"), ("other", "c = 1")):
        shop.write(f"domains/{name}/pyproject.toml", "[project]\n")
        shop.write(f"domains/{name}/src/acme_{name}/container.py", text)
    shop.add("adapters/store.py", "import acme_trade.container")

    def digest() -> str:
        return Inputs(Workspace.find(shop.root)).of("process:billing")

    before = digest()
    shop.write("domains/other/src/acme_other/container.py", "c = 2")
    assert digest() == before
    shop.write("domains/user/src/acme_user/container.py", "b = 2")
    assert digest() != before


def test_what_changes_during_the_check_is_not_remembered(shop: Shop) -> None:
    workspace = Workspace.find(shop.root)
    results = Results(workspace)
    assert results.known("files:billing") is None
    before = (shop.root / STORE).read_text()
    shop.add("adapters/store.py", "def broken(:")
    assert list(check_files(workspace, workspace.domains(), results)) != []
    results.save()
    (shop.root / STORE).write_text(before)
    assert files_checked(shop.root, fresh=False) == []


@pytest.mark.parametrize("damage", ["", "{", "half", "flipped", "list", "folder", "file"])
def test_a_damaged_or_unwritable_memory_only_costs_time(shop: Shop, damage: str) -> None:
    shop.add("domain/invoice.py", "import sqlalchemy")
    cold = files_checked(shop.root, fresh=False)
    memory = shop.root / ".aether/check.json"
    text = memory.read_text()
    match damage:
        case "half":
            memory.write_text(text[: len(text) // 2])
        case "flipped":
            memory.write_text(text.replace("sqlalchemy", "sqlanarchy"))
        case "list":
            memory.write_text("[]")
        case "folder":
            memory.unlink()
            memory.mkdir()
        case "file":
            memory.unlink()
            memory.parent.rmdir()
            memory.parent.write_text("")
        case _:
            memory.write_text(damage)
    assert files_checked(shop.root, fresh=False) == cold != []


def test_only_domains_that_exist_are_remembered(shop: Shop) -> None:
    shop.write("domains/user/pyproject.toml", "[project]\n")
    files_checked(shop.root, fresh=False)
    assert Cache(shop.root).get("files:user", Inputs(Workspace.find(shop.root)).of("files:user")) is not None
    shop.remove("domains/user/pyproject.toml")
    files_checked(shop.root, fresh=False)
    assert "files:user" not in (shop.root / ".aether/check.json").read_text()
