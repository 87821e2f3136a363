"""An update to a newer template keeps what people wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import copier
import pytest
from jinja2 import Environment

from .conftest import Templates, commit, run

DOMAIN = "templates/domain/domains/{{domain}}"
PACKAGE = f"{DOMAIN}/src/{{{{workspace}}}}_{{{{domain}}}}"
SCAFFOLDED = {
    "domains/billing/pyproject.toml",
    "domains/billing/alembic.ini",
    "domains/billing/migrations/env.py",
    "domains/billing/migrations/script.py.mako",
    "domains/billing/src/acme_billing/__init__.py",
    "domains/billing/src/acme_billing/__main__.py",
    "domains/billing/src/acme_billing/container.py",
    "domains/billing/src/acme_billing/settings.py",
    "domains/billing/src/acme_billing/py.typed",
}
ANSWERS = "domains/billing/.copier-answers.domain.yml"


def tracked(root: Path) -> dict[str, str]:
    """Return every file of the repository, with its content."""
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=root).split("\n")
    return {name: (root / name).read_text() for name in names if name and (root / name).exists()}


@pytest.fixture
def billing(templates: Templates, tmp_path: Path) -> Path:
    """A team's repository, with a domain from the templates' first version."""
    templates.release("v1")
    root = templates.render(tmp_path / "acme", template="workspace", workspace="acme")
    templates.render(root, template="domain", workspace="acme", domain="billing", aggregate="Invoice")
    run("git", "init", "--quiet", cwd=root)
    commit(root, "made")
    return root


def change(file: Path, edit: Callable[[str], str]) -> None:
    before = file.read_text()
    after = edit(before)
    assert after != before, file
    file.write_text(after)


def update(root: Path, answers: str = ANSWERS) -> None:
    copier.run_update(root, answers_file=answers, defaults=True, overwrite=True, quiet=True)


def test_what_people_wrote_survives_a_newer_template(templates: Templates, billing: Path) -> None:
    person = "# a person's line\n"
    for name in tracked(billing):
        if name.startswith(("domains/billing/", "proto/acme/billing/", "openapi/")) and name != ANSWERS:
            change(billing / name, lambda text: text + person)
    own = billing / "domains/billing/src/acme_billing/application/refund_invoice.py"
    own.write_text("# a use case the template never had\n")
    (billing / "domains/billing/tests/test_edges.py").unlink()
    commit(billing, "a person's work")
    before = tracked(billing)

    new = "# the template's line\n"
    for file in (templates.folder / "templates/domain").rglob("*"):
        if file.is_file() and not file.name.startswith("{{ _copier_conf") and file.stat().st_size:
            change(file, lambda text: new + text)
    (templates.folder / PACKAGE / "domain/tally.py.jinja").unlink()
    (templates.folder / DOMAIN / "tests/test_new.py").write_text("# a test the template has only now\n")
    (templates.folder / DOMAIN / "Dockerfile").write_text(new)
    templates.release("v2")
    update(billing)

    after = tracked(billing)
    assert "_commit: v2\n" in after.pop(ANSWERS)
    assert after.pop("domains/billing/Dockerfile") == new
    del before[ANSWERS]
    for name in SCAFFOLDED - {"domains/billing/src/acme_billing/py.typed"}:
        assert after.pop(name) == new + before.pop(name)
    assert after == before
    assert run("git", "ls-files", "--unmerged", cwd=billing) == ""


def test_a_workspace_is_updated_without_touching_its_domains(templates: Templates, billing: Path) -> None:
    change(billing / "pyproject.toml", lambda text: text + "\n[tool.coverage.run]\nbranch = true\n")
    change(billing / "README.md", lambda text: text + "\nOur own words.\n")
    commit(billing, "a person's work")
    before = tracked(billing)
    workspace = templates.folder / "templates/workspace"
    change(
        workspace / "pyproject.toml.jinja",
        lambda text: text.replace("line-length = 110", "line-length = 100"),
    )
    change(workspace / "README.md.jinja", lambda text: f"{text}\nThe template's words.\n")
    templates.release("v2")
    update(billing, ".copier-answers.workspace.yml")

    expected = dict(before)
    expected["pyproject.toml"] = before["pyproject.toml"].replace("line-length = 110", "line-length = 100")
    expected[".copier-answers.workspace.yml"] = before[".copier-answers.workspace.yml"].replace("v1", "v2")
    assert tracked(billing) == expected


def test_rendering_a_domain_again_keeps_what_is_yours(templates: Templates, tmp_path: Path) -> None:
    answers = {"template": "domain", "workspace": "acme", "domain": "billing", "aggregate": "Invoice"}
    root = templates.render(tmp_path / "acme", **answers)
    yours = [root / "domains/billing/src/acme_billing/domain/invoice.py", root / "openapi/billing.yaml"]
    for file in yours:
        change(file, lambda text: text + "# a person's line\n")
    before = [file.read_text() for file in yours]
    templates.render(root, **answers)
    assert [file.read_text() for file in yours] == before


def test_every_file_has_one_owner(templates: Templates, tmp_path: Path) -> None:
    """Every file is either scaffolded or yours, so that an update treats it as decided in ADR 7."""
    root = templates.render(
        tmp_path, template="domain", workspace="acme", domain="billing", aggregate="Invoice"
    )
    made = {str(path.relative_to(root)) for path in (root / "domains").rglob("*") if path.is_file()}
    made |= {str(path.relative_to(root)) for path in (root / "proto").rglob("*") if path.is_file()}
    made.remove(ANSWERS)
    text = (templates.folder / "copier.yml").read_text()
    skipped = {
        line.strip("- ") for line in text.split("_skip_if_exists:\n")[1].split("_exclude:")[0].split("\n")
    }
    block = text.split("_exclude:\n  - |\n")[1].split("\n\n")[0]
    excluded = Environment(autoescape=False).from_string(block).render(_copier_operation="update").split()
    assert skipped - {""} == set(excluded)
    assert Environment(autoescape=False).from_string(block).render(_copier_operation="copy").split() == []
    yours = {name for name in made if any(matches(name, pattern) for pattern in excluded)}
    assert made - yours == SCAFFOLDED


def matches(name: str, pattern: str) -> bool:
    wanted, parts = pattern.strip("/").split("/"), name.split("/")
    if not pattern.endswith("/") and len(parts) != len(wanted):
        return False
    return len(parts) >= len(wanted) and all(
        Path(part).match(want) for part, want in zip(parts, wanted, strict=False)
    )
