"""From no workspace to a clean check, in the workspace's own environment, offline."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .conftest import Aether, Ran

USE_CASE = "domains/billing/src/acme_billing/application/close_invoice.py"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose environment has this environment's packages and the generated contracts."""
    root = tmp_path_factory.mktemp("whole") / "acme"
    subprocess.run([Path(sys.executable).with_name("aether"), "new", "--workspace", "acme", root], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    own = next((root / ".venv/lib").glob("*/site-packages"))
    ours = [sysconfig.get_path("purelib"), *_editable_sources()]
    (own / "ours.pth").write_text("\n".join([*ours, f"{root}/proto/gen", f"{root}/openapi/gen"]))
    return root


def _editable_sources() -> list[str]:
    """Return the folders of editable installs: Python does not follow .pth files of another environment."""
    import aether_adapters

    return [str(Path(str(aether_adapters.__file__)).parents[1])]


def test_a_new_domain_is_importable_and_passes_the_check(aether: Aether, root: Path) -> None:
    def run(*arguments: str) -> Ran:
        return aether(*arguments, cwd=root)

    made = run("new", "billing", "--aggregate", "Invoice")
    assert made.code == 0, made.err
    where = "import acme_billing; print(acme_billing.__file__)"
    imported = subprocess.run(
        [root / ".venv/bin/python", "-c", where], capture_output=True, text=True, check=True
    )
    assert imported.stdout.strip() == str(root / "domains/billing/src/acme_billing/__init__.py")

    stale = run("generate", "--check")
    assert (stale.code, "generated-missing" in stale.out) == (1, True)
    assert run("generate").code == 0
    clean = run("check")
    assert (clean.code, clean.out) == (0, "Clean: 1 domain checked.\n"), clean

    text = (root / USE_CASE).read_text()
    (root / USE_CASE).write_text(f"import sqlalchemy\n{text.replace('class CloseInvoice(', 'class Other(')}")
    broken = run("check", "--json")
    codes = {(finding["code"], finding["file"]) for finding in json.loads(broken.out)}
    assert broken.code == 1
    assert ("import-layer", USE_CASE) in codes
    assert ("container-import", "domains/billing/src/acme_billing/container.py") in codes
