"""`aether check --against REF`: the contracts of a workspace and those of a commit, what is accepted, and what cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from aether_tools.breaking.accept import accepted, apply
from aether_tools.breaking.workspace import compare_with, domain_of
from aether_tools.check.sql.history import check_history
from aether_tools.commands.explain import explain
from aether_tools.console import UsageError
from aether_tools.finding import ContractError, Finding, Location, Severity
from aether_tools.workspace import Workspace

from .conftest import TODAY

AETHER = Path(sys.executable).with_name("aether")
OPENAPI = """\
openapi: 3.0.3
info: {title: Billing, version: 1.0.0}
paths:
  /bills:
    get:
      responses:
        '200': {description: Ok., content: {application/json: {schema: {$ref: '#/components/schemas/Bill'}}}}
        '404': {$ref: 'common.yaml#/components/responses/NotFound'}
components:
  schemas:
    Bill:
      type: object
      properties:
        id: {type: string}
        note: {type: string}
"""
COMMON = """\
openapi: 3.0.3
info: {title: Shared, version: 1.0.0}
paths: {}
components:
  responses:
    NotFound:
      description: Not found.
      content: {application/problem+json: {schema: {type: object, properties: {type: {type: string}}}}}
"""
PROTO = """\
syntax = "proto3";
package acme.billing.v1;
message Bill {
  int64 id = 1;
  string note = 2;
}
"""
EVENTS = """\
syntax = "proto3";
package acme.billing.v1;
message Billed {
  int64 id = 1;
}
"""


@dataclass(frozen=True, slots=True)
class Repository:
    """A workspace below the root of a git repository."""

    root: Path

    def git(self, *arguments: str) -> str:
        identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
        identity |= {
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.com",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=os.environ | identity,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def commit(self) -> str:
        self.git("add", "--all", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")
        return self.git("rev-parse", "HEAD")

    def changes(self, ref: str = "v1", today: date = TODAY) -> list[tuple[str, str, int]]:
        """Return code, file and line of each change that is not safe."""
        found = compare_with(self.root, ref, today)
        return [
            (each.code, each.location.file, each.location.line)
            for each in found
            if each.severity is not Severity.SAFE
        ]


@pytest.fixture
def workspace(tmp_path: Path) -> Repository:
    """A workspace whose first commit is tagged v1."""
    repository = Repository(tmp_path / "team" / "shop")
    repository.write("pyproject.toml", '[tool.aether]\nname = "acme"\n')
    repository.write("openapi/billing.yaml", OPENAPI)
    repository.write("openapi/common.yaml", COMMON)
    repository.write("proto/acme/billing/v1/billing.proto", PROTO)
    repository.write("proto/acme/billing/v1/events.proto", EVENTS)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True, capture_output=True)
    repository.commit()
    repository.git("tag", "v1")
    return repository


def test_nothing_changed(workspace: Repository) -> None:
    assert workspace.changes() == []


def test_each_contract_of_the_workspace_is_compared_committed_or_not(workspace: Repository) -> None:
    workspace.write("openapi/billing.yaml", OPENAPI.replace("        note: {type: string}\n", ""))
    workspace.commit()
    workspace.write("proto/acme/billing/v1/billing.proto", PROTO.replace("int64", "int32"))
    workspace.write("proto/acme/billing/v1/events.proto", EVENTS.replace("Billed", "Charged"))
    assert workspace.changes() == [
        ("buf-field-same-type", "proto/acme/billing/v1/billing.proto", 4),
        ("api-response-property-removed", "v1:openapi/billing.yaml", 15),
        ("event-removed", "v1:proto/acme/billing/v1/events.proto", 3),
    ]


def test_a_change_of_a_shared_file_is_found_in_contracts_that_did_not_change(workspace: Repository) -> None:
    workspace.write("openapi/common.yaml", COMMON.replace("type: {type: string}", "type: {type: integer}"))
    assert workspace.changes() == [("api-response-type-changed", "openapi/common.yaml", 8)]


def test_a_contract_that_is_gone_or_new_is_one_change(workspace: Repository) -> None:
    (workspace.root / "openapi/billing.yaml").rename(workspace.root / "openapi/charging.yaml")
    found = compare_with(workspace.root, "v1", TODAY)
    assert [(each.code, each.location.file) for each in found] == [
        ("api-contract-added", "openapi/charging.yaml"),
        ("api-contract-removed", "v1:openapi/billing.yaml"),
    ]


MIGRATION = """\
\"\"\"The first tables.\"\"\"

from alembic import op

revision = "0001"


def upgrade() -> None:
    op.create_table("bills")
"""
VERSIONS = "domains/billing/migrations/versions"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MIGRATION.replace('"bills"', '"bill"'), [(f"{VERSIONS}/0001.py", 9)]),
        (f"{MIGRATION}    op.create_index()\n", [(f"{VERSIONS}/0001.py", 10)]),
        (MIGRATION.replace("def upgrade() ->", "def upgrade( ->"), [(f"{VERSIONS}/0001.py", 8)]),
        ("", [(f"{VERSIONS}/0001.py", 1)]),
        (None, [(f"v2:{VERSIONS}/0001.py", 1)]),
        (MIGRATION.replace("The first", "These are the first"), []),
        (MIGRATION.replace("op.create_table(", "op.create_table(  # of bills\n        "), []),
        (MIGRATION.replace("\n", "\r\n"), []),
        (MIGRATION, []),
    ],
    ids=["edited", "longer", "broken", "empty", "gone", "docstring", "layout", "line endings", "same"],
)
def test_a_migration_that_a_commit_has_must_stay_as_it_was(
    workspace: Repository, text: str | None, found: list[tuple[str, int]]
) -> None:
    workspace.write(f"{VERSIONS}/0001.py", MIGRATION)
    workspace.write("domains/billing/pyproject.toml", "[project]\nname = 'acme-billing'\n")
    workspace.write("domains/other/pyproject.toml", "[project]\nname = 'acme-other'\n")
    workspace.commit()
    workspace.git("tag", "v2")
    workspace.write(f"{VERSIONS}/0002.py", MIGRATION.replace("0001", "0002"))
    file = workspace.root / VERSIONS / "0001.py"
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text.encode())
    checked = Workspace.find(workspace.root)
    findings = list(check_history(checked, checked.domains(), "v2"))
    assert [(each.code, each.location.file, each.location.line) for each in findings] == [
        ("migration-edited", *place) for place in found
    ]
    assert list(check_history(checked, checked.chosen(("other",)), "v2")) == []


def test_a_proto_folder_that_is_gone_is_a_change(workspace: Repository) -> None:
    for name in ("billing", "events"):
        (workspace.root / f"proto/acme/billing/v1/{name}.proto").unlink()
    assert ("buf-package-no-delete", "v1:proto/acme/billing/v1/billing.proto", 1) in workspace.changes()


def test_a_contract_may_go_after_the_sunset_of_all_its_operations(workspace: Repository) -> None:
    workspace.write(
        "openapi/billing.yaml",
        OPENAPI.replace("    get:\n", "    get:\n      deprecated: true\n      x-sunset: '2026-01-31'\n"),
    )
    workspace.commit()
    workspace.git("tag", "v2")
    (workspace.root / "openapi/billing.yaml").unlink()
    found = compare_with(workspace.root, "v2", TODAY)
    assert [(each.code, each.severity) for each in found] == [("api-operation-sunset", Severity.SAFE)]
    assert [code for code, _, _ in workspace.changes("v2", date(2026, 1, 31))] == ["api-contract-removed"]


def test_yaml_that_becomes_json_is_the_same_contract(workspace: Repository) -> None:
    import yaml

    text = json.dumps(yaml.safe_load(OPENAPI))
    (workspace.root / "openapi/billing.yaml").unlink()
    workspace.write("openapi/billing.json", text)
    assert workspace.changes() == []


def test_attributes_and_filters_of_the_repository_have_no_say(workspace: Repository) -> None:
    """`git archive` would leave out export-ignore, and a checkout would run the filter."""
    workspace.write(".gitattributes", "*.yaml export-ignore filter=bad\n")
    workspace.git("config", "filter.bad.smudge", "false")
    workspace.commit()
    assert workspace.changes("HEAD") == []


def test_in_a_hook_of_git_the_workspace_is_still_below_the_root(
    workspace: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git tells its hooks where the repository is, and with that takes any folder for the root."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / ".git/index"))
    assert compare_with(workspace.root, "v1", TODAY) == ()


def test_a_contract_that_was_a_symbolic_link_is_followed_inside_the_commit(workspace: Repository) -> None:
    (workspace.root / "openapi/billing.yaml").rename(workspace.root / "openapi/v1-billing.yaml")
    (workspace.root / "openapi/billing.yaml").symlink_to("v1-billing.yaml")
    workspace.commit()
    assert workspace.changes("HEAD") == []


def test_without_contracts_at_the_commit_everything_is_new(workspace: Repository) -> None:
    empty = workspace.git(
        "commit-tree", workspace.git("hash-object", "-t", "tree", "-w", os.devnull), "-m", "x"
    )
    found = compare_with(workspace.root, empty, TODAY)
    assert [(each.code, each.severity) for each in found] == [("api-contract-added", Severity.SAFE)]


@pytest.mark.parametrize("ref", ["nope", "--output=/tmp/x", "v1:openapi/billing.yaml", "", "HEAD~99"])
def test_a_ref_that_is_no_commit_is_refused(workspace: Repository, ref: str) -> None:
    with pytest.raises(UsageError, match="has no commit"):
        compare_with(workspace.root, ref, TODAY)


def test_a_shallow_clone_without_the_commit_says_how_to_fetch_it(
    workspace: Repository, tmp_path: Path
) -> None:
    first = workspace.git("rev-parse", "HEAD")
    workspace.commit()
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{tmp_path}", clone], check=True, capture_output=True
    )
    with pytest.raises(UsageError, match="this clone is shallow: fetch the commit first"):
        compare_with(clone / "team/shop", first, TODAY)


def test_without_a_repository_or_git_it_says_so(
    workspace: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").rename(tmp_path / "gone")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="needs a git repository"):
        compare_with(workspace.root, "v1", TODAY)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git is not installed"):
        compare_with(workspace.root, "v1", TODAY)


def test_an_old_contract_that_cannot_be_read_is_named_with_the_commit(workspace: Repository) -> None:
    (workspace.root / "openapi/billing.yaml").write_bytes(b"openapi: 3.0.3\ntitle: \xff\n")
    workspace.commit()
    workspace.write("openapi/billing.yaml", OPENAPI)
    with pytest.raises(ContractError) as refused:
        compare_with(workspace.root, "HEAD", TODAY)
    assert refused.value.findings[0].location == Location("HEAD:openapi/billing.yaml", 2, 8)


def test_a_contract_cannot_refer_to_a_file_out_of_the_workspace(workspace: Repository) -> None:
    workspace.write("../secrets.yaml", "Bill: {type: string, enum: [hunter2]}\n")
    workspace.write(
        "openapi/billing.yaml", OPENAPI.replace("'#/components/schemas/Bill'", "'../../secrets.yaml#/Bill'")
    )
    with pytest.raises(ContractError, match="outside of the folder"):
        compare_with(workspace.root, "v1", TODAY)


def test_an_old_contract_that_is_too_large_is_not_read(workspace: Repository) -> None:
    workspace.write("openapi/billing.yaml", "#" * (17 * 1024 * 1024))
    workspace.commit()
    workspace.write("openapi/billing.yaml", OPENAPI)
    with pytest.raises(ContractError, match="a contract may have"):
        compare_with(workspace.root, "HEAD", TODAY)


# What is accepted

ENTRY = """\
[tool.aether]
name = "acme"

[[tool.aether.check.accept]]
code = "api-response-property-removed"
place = "{place}"
reason = "Only our own web page reads it."
until = {until}
"""
LOST_NOTE = OPENAPI.replace("        note: {type: string}\n", "")


def left(workspace: Repository, today: date = TODAY) -> list[str]:
    changes, _ = apply(compare_with(workspace.root, "v1", today), accepted(workspace.root), today)
    return [f"{each.location}: {each.code}" for each in changes]


@pytest.mark.parametrize(
    "place",
    [
        "openapi/billing.yaml",
        "openapi/billing.yaml#/components/schemas/Bill",
        "openapi/billing.yaml#/components/schemas/Bill/properties/note",
    ],
)
def test_an_accepted_change_is_no_finding(workspace: Repository, place: str) -> None:
    workspace.write("openapi/billing.yaml", LOST_NOTE)
    workspace.write("pyproject.toml", ENTRY.format(place=place, until="2026-11-27"))
    assert left(workspace) == []


@pytest.mark.parametrize(
    "place", ["openapi/user.yaml", "openapi/billing.yaml#/components/schemas/Bil", "billing.yaml"]
)
def test_an_entry_for_another_place_accepts_nothing(workspace: Repository, place: str) -> None:
    workspace.write("openapi/billing.yaml", LOST_NOTE)
    workspace.write("pyproject.toml", ENTRY.format(place=place, until="2026-11-27"))
    assert left(workspace) == ["v1:openapi/billing.yaml:15:9: api-response-property-removed"]


def test_an_entry_that_is_over_is_a_finding_and_accepts_nothing(workspace: Repository) -> None:
    workspace.write("openapi/billing.yaml", LOST_NOTE)
    workspace.write("pyproject.toml", ENTRY.format(place="openapi/billing.yaml", until="2026-11-26"))
    assert left(workspace) == [
        "v1:openapi/billing.yaml:15:9: api-response-property-removed",
        "pyproject.toml:4:1: accept-expired",
    ]


def test_the_code_of_an_entry_that_is_over_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain("accept-expired") == 0
    assert "until a date" in capsys.readouterr().out


def test_a_change_of_a_proto_file_is_accepted_by_the_elements_name(workspace: Repository) -> None:
    workspace.write("proto/acme/billing/v1/billing.proto", PROTO.replace("int64", "int32"))
    entry = ENTRY.format(place="proto/acme/billing/v1/billing.proto#acme.billing.v1.Bill", until="2026-12-31")
    workspace.write("pyproject.toml", entry.replace("api-response-property-removed", "buf-field-same-type"))
    assert left(workspace) == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('code = "api-path-removed"', "has code, place, reason, until"),
        (
            'code = "api-path-gone"\nplace = "a"\nreason = "b"\nuntil = 2026-12-31',
            "did you mean api-path-removed",
        ),
        ('code = "api-path-removed"\nplace = "a"\nreason = " "\nuntil = 2026-12-31', "reason of an entry"),
        ('code = "api-path-removed"\nplace = "a"\nreason = "b"\nuntil = "2026-12-31"', "date without quotes"),
        (
            'code = "api-path-removed"\nplace = "a"\nreason = "b"\nuntil = 2026-12-31T00:00:00Z',
            "date without quotes",
        ),
    ],
)
def test_an_entry_that_is_not_complete_is_refused_at_its_line(
    workspace: Repository, entry: str, told: str
) -> None:
    workspace.write(
        "pyproject.toml", f'[tool.aether]\nname = "acme"\n[[tool.aether.check.accept]]\n{entry}\n'
    )
    with pytest.raises(UsageError, match=rf"pyproject\.toml:3: .*{told}"):
        accepted(workspace.root)


def test_a_change_belongs_to_a_domain_or_to_all() -> None:
    def domain(file: str) -> str | None:
        return domain_of(Finding(Location(file), "c", "r", "f"), "acme")

    assert domain("v1:openapi/billing.yaml") == "billing"
    assert domain("proto/acme/billing/v1/events.proto") == "billing"
    assert domain("openapi/common.yaml") is None
    assert domain("v1:proto/acme/common/v1/common.proto") is None


# The command


def check(workspace: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `aether check` in the workspace, where other findings are there too: it has no code."""
    return subprocess.run(
        [AETHER, "check", *arguments],
        cwd=workspace.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_prints_changes_with_the_other_findings(workspace: Repository) -> None:
    workspace.write(
        "openapi/billing.yaml", LOST_NOTE.replace("        id:", "        at: {type: string}\n        id:")
    )
    ran = check(workspace, "--against", "v1", "--json")
    shown = {each["code"]: each for each in json.loads(ran.stdout)}
    assert ran.returncode == 1
    assert {"domain-missing", "api-response-property-removed"} <= shown.keys()
    assert shown["api-response-property-removed"]["pointer"] == "#/components/schemas/Bill/properties/note"
    assert "api-response-property-added" not in shown
    text = check(workspace, "--against", "v1", "--all").stdout
    assert "safe api-response-property-added" in text
    assert "Contracts against v1: 1 breaking, 0 risky, 1 safe." in text


def test_the_command_refuses_a_ref_in_words_and_as_json(workspace: Repository) -> None:
    ran = check(workspace, "--against", "nope", "--json")
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"].startswith("this repository has no commit 'nope'")
    assert ran.stderr.startswith("aether: this repository has no commit")


def test_contracts_of_today_that_do_not_compile_are_findings_of_the_compiler(workspace: Repository) -> None:
    workspace.write(
        "openapi/billing.yaml", OPENAPI.replace("#/components/schemas/Bill", "#/components/schemas/Bil")
    )
    ran = check(workspace, "--against", "v1")
    assert ran.returncode == 1
    assert "openapi-dangling-ref" in ran.stdout
