"""Making a domain importable in the workspace's own Python, with the contracts it stands on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from aether_tools.workspace import Domain, Workspace


def install_command(workspace: Workspace, domain: Domain) -> list[str]:
    """What makes the domain and the contracts it stands on importable in the workspace's Python, without a network.

    Contracts that are installed from this workspace already are left out: the build of each takes half a second.
    """
    # uv takes a quarter of the time; it may stand beside the workspace's Python, beside ours, or on the PATH.
    beside = os.pathsep.join(str(python.parent) for python in (workspace.python, Path(sys.executable)))
    uv = shutil.which("uv", path=beside) or shutil.which("uv")
    python = str(workspace.python)
    installer = (
        [uv, "pip", "install", "--python", python, "--offline"]
        if uv
        else [python, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    )
    contracts = (workspace.root / "proto", workspace.root / "openapi")
    missing = [member for member in contracts if not _is_installed(workspace, member)]
    editables = [word for member in (*missing, domain.folder) for word in ("--editable", str(member))]
    return [*installer, "--quiet", "--no-deps", "--no-build-isolation", *editables]


def _is_installed(workspace: Workspace, member: Path) -> bool:
    """Whether that Python has the distribution of `member` from this very folder, editable.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    environment = workspace.python.parent.parent
    record = f"lib/python*/site-packages/{workspace.name}_{member.name}-*.dist-info/direct_url.json"
    for file in environment.glob(record):
        try:
            origin = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if origin == {"url": member.as_uri(), "dir_info": {"editable": True}}:
            return True
    return False
