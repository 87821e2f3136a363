"""`aether new DOMAIN`: scaffolds a complete domain or nothing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import AETHER, Aether, Ran, environment, tree, write


def refused(ran: Ran) -> str:
    """Check that the command failed without output and return its one-line error."""
    assert (ran.code, ran.out) == (2, ""), ran
    assert ran.err.startswith("aether: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    return ran.err


def test_a_domain_is_created_with_its_contracts_and_answers(
    aether: Aether, workspace: Path, template: Path
) -> None:
    ran = aether(
        "new", "billing", "--from", str(template), "--no-install", "--aggregate", "Invoice", cwd=workspace
    )
    assert ran.code == 0, ran.err
    assert "aether generate" in ran.out
    made = tree(workspace)
    assert made["openapi/billing.yaml"] == "title: Invoice\n"
    assert made["domains/billing/.copier-answers.domain.yml"] == (
        "# Never edit.\n_src_path: ../template\ntemplate: domain\nworkspace: acme\ndomain: billing\naggregate: Invoice\n"
    )
    assert list((workspace / ".aether").iterdir()) == []


def test_the_workspace_is_found_from_a_folder_inside_it(
    aether: Aether, workspace: Path, template: Path
) -> None:
    deep = workspace / "docs/deep"
    deep.mkdir(parents=True)
    assert aether("new", "billing", "--from", str(template), "--no-install", cwd=deep).code == 0
    assert (workspace / "domains/billing/pyproject.toml").is_file()


def test_the_answers_of_bundled_templates_name_no_path_of_this_machine(
    aether: Aether, workspace: Path
) -> None:
    assert aether("new", "billing", "--no-install", cwd=workspace).code == 0
    answers = (workspace / "domains/billing/.copier-answers.domain.yml").read_text()
    assert "_src_path: aether-tools\n" in answers
    assert "/" not in answers


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--", "../evil"], "cannot name a domain"),
        (["class"], "Python keyword"),
        (["proto"], "reserved"),
        (["billing", "--aggregate", "line item"], "cannot be the aggregate"),
    ],
)
def test_an_invalid_name_is_rejected_and_nothing_is_written(
    aether: Aether, workspace: Path, arguments: list[str], reason: str
) -> None:
    before = tree(workspace.parent)
    assert reason in refused(aether("new", *arguments, cwd=workspace))
    assert tree(workspace.parent) == before


@pytest.mark.parametrize(
    "taken", ["domains/billing/x", "proto/acme/billing/v1/x.proto", "openapi/billing.yaml"]
)
def test_a_taken_name_is_rejected(aether: Aether, workspace: Path, template: Path, taken: str) -> None:
    write(workspace / taken, "mine\n")
    before = tree(workspace)
    assert "taken" in refused(aether("new", "billing", "--from", str(template), cwd=workspace))
    assert tree(workspace) == before


def test_a_file_where_a_folder_is_needed_is_an_error(aether: Aether, workspace: Path, template: Path) -> None:
    write(workspace / "domains", "a file\n")
    before = tree(workspace)
    assert "domains already exists" in refused(
        aether("new", "billing", "--from", str(template), cwd=workspace)
    )
    assert tree(workspace) == before


def test_a_different_file_is_not_overwritten(aether: Aether, workspace: Path, template: Path) -> None:
    write(template / "templates/domain/README.md", "theirs\n")
    write(workspace / "README.md", "mine\n")
    before = tree(workspace)
    assert "README.md already exists" in refused(
        aether("new", "billing", "--from", str(template), cwd=workspace)
    )
    assert tree(workspace) == before


def test_a_full_disk_leaves_the_workspace_unchanged(aether: Aether, workspace: Path, template: Path) -> None:
    write(template / "templates/domain/openapi/big.yaml", "x" * 100_000)
    before = tree(workspace)

    def small_files_only() -> None:  # the kernel fails writes beyond the limit, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    ran = aether("new", "billing", "--from", str(template), cwd=workspace, before=small_files_only)
    assert "Nothing was changed" in refused(ran)
    assert tree(workspace) == before
    assert list((workspace / ".aether").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_in_the_middle_leaves_nothing(workspace: Path, template: Path, number: int) -> None:
    endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
    write(template / "templates/domain/openapi/zz.yaml.jinja", endless)
    before = tree(workspace)
    process = subprocess.Popen(
        [AETHER, "new", "billing", "--from", template],
        cwd=workspace,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + 60
        while not list(workspace.glob(".aether/new-*/tree")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (130, "aether: interrupted.\n")
    assert tree(workspace) == before
    assert list((workspace / ".aether").iterdir()) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("templates/domain/openapi/x.yaml.jinja", "{{ nobody_gave_this.at_all }}"),
        ("templates/domain/openapi/x.yaml.jinja", "{% if %}"),
        ("copier.yml", "a: [b"),
    ],
)
def test_a_broken_template_is_reported_without_a_traceback(
    aether: Aether, workspace: Path, template: Path, file: str, text: str
) -> None:
    write(template / file, text)
    before = tree(workspace)
    ran = aether("new", "billing", "--from", str(template), cwd=workspace)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("aether: the template ../template cannot be rendered")
    assert "Traceback" not in ran.err
    assert tree(workspace) == before


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_ref_selects_a_version_of_a_git_template(aether: Aether, workspace: Path, template: Path) -> None:
    git(template, "init", "-q")
    git(template, "add", ".")
    git(template, "commit", "-qm", "one")
    git(template, "tag", "v1.0.0")
    write(template / "templates/domain/openapi/{{ domain }}.yaml.jinja", "title: two\n")
    git(template, "commit", "-qam", "two")
    ran = aether("new", "billing", "--from", str(template), "--ref", "v1.0.0", "--no-install", cwd=workspace)
    assert ran.code == 0, ran.err
    assert (workspace / "openapi/billing.yaml").read_text() == "title: Thing\n"
    answers = (workspace / "domains/billing/.copier-answers.domain.yml").read_text()
    assert "_commit: v1.0.0\n" in answers
    assert "_src_path: ../template\n" in answers


@pytest.mark.parametrize("ref", ["v9.9.9", "0123456789abcdef0123456789abcdef01234567"])
def test_an_unknown_ref_is_reported_in_one_line(
    aether: Aether, workspace: Path, template: Path, ref: str
) -> None:
    git(template, "init", "-q")
    git(template, "add", ".")
    git(template, "commit", "-qm", "one")
    ran = aether("new", "billing", "--from", str(template), "--ref", ref, cwd=workspace)
    assert ref in refused(ran)
    assert list(tree(workspace)) == ["pyproject.toml"]


@pytest.mark.parametrize("source", ["no/such/folder", "file:///no/such/repository.git"])
def test_a_missing_template_is_reported_without_a_traceback(
    aether: Aether, workspace: Path, source: str
) -> None:
    ran = aether("new", "billing", "--from", source, cwd=workspace)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    assert list(tree(workspace)) == ["pyproject.toml"]


def test_a_ref_without_a_source_is_rejected(aether: Aether, workspace: Path) -> None:
    assert "--from" in refused(aether("new", "billing", "--ref", "v1", cwd=workspace))


def test_outside_a_workspace_the_error_says_how_to_create_one(aether: Aether, tmp_path: Path) -> None:
    assert "aether new --workspace" in refused(aether("new", "billing", cwd=tmp_path))


@pytest.mark.parametrize("text", ["[tool.aether]\nname = 'not a name'\n", "[tool.aether]\n", "[tool", "\xff"])
def test_an_invalid_workspace_file_is_reported_in_one_line(
    aether: Aether, workspace: Path, text: str
) -> None:
    (workspace / "pyproject.toml").write_bytes(text.encode("latin-1"))
    assert "pyproject.toml" in refused(aether("new", "billing", cwd=workspace))


def test_a_domain_that_cannot_be_installed_is_kept_and_the_command_is_printed(
    aether: Aether, workspace: Path, template: Path
) -> None:
    (workspace / ".venv/bin").mkdir(parents=True)
    (workspace / ".venv/bin/python").symlink_to("/bin/false")
    ran = aether("new", "billing", "--from", str(template), cwd=workspace)
    assert ran.code == 2
    assert "aether: created billing, but could not install it." in ran.err
    assert f"--editable {workspace / 'domains/billing'}" in ran.err
    assert (workspace / "domains/billing/pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("record", "again"),
    [
        ('{{"url": "file://{root}/{member}", "dir_info": {{"editable": true}}}}', False),
        ('{{"url": "file://{root}/{member}", "dir_info": {{}}}}', True),
        ('{{"url": "file:///elsewhere/{member}", "dir_info": {{"editable": true}}}}', True),
        ("not JSON", True),
    ],
    ids=["from here", "a copy", "from elsewhere", "damaged"],
)
def test_contracts_installed_from_this_workspace_are_not_installed_again(
    aether: Aether, workspace: Path, template: Path, record: str, again: bool
) -> None:
    (workspace / ".venv/bin").mkdir(parents=True)
    (workspace / ".venv/bin/python").symlink_to("/bin/false")  # fails, so that the command is printed
    for member in ("proto", "openapi"):
        installed = workspace / f".venv/lib/python3.11/site-packages/acme_{member}-0.1.0.dist-info"
        installed.mkdir(parents=True)
        (installed / "direct_url.json").write_text(record.format(root=workspace, member=member))
    ran = aether("new", "billing", "--from", str(template), cwd=workspace)
    for member in ("proto", "openapi"):
        assert (f"--editable {workspace / member}" in ran.err) == again
    assert f"--editable {workspace / 'domains/billing'}" in ran.err
