"""Builds the command that installs a domain and its contracts in the workspace's Python."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from aether_tools.workspace import Domain, Workspace


def install_command(workspace: Workspace, domain: Domain) -> list[str]:
    """Return the command that installs a domain and its contracts, editable, in the workspace's Python, offline.

    Omit contracts that are already installed from this workspace, because building each takes half a second.
    """
    # uv takes a quarter of pip's time; it may be next to the workspace's Python, next to ours, or on the PATH.
    folders = os.pathsep.join(str(python.parent) for python in (workspace.python, Path(sys.executable)))
    uv = shutil.which("uv", path=folders) or shutil.which("uv")
    python = str(workspace.python)
    installer = (
        [uv, "pip", "install", "--python", python, "--offline"]
        if uv
        else [python, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    )
    contracts = (workspace.root / "proto", workspace.root / "openapi")
    missing = [member for member in contracts if not _is_installed(workspace, member)]
    editables = [argument for member in (*missing, domain.folder) for argument in ("--editable", str(member))]
    return [*installer, "--quiet", "--no-deps", "--no-build-isolation", *editables]


def _is_installed(workspace: Workspace, member: Path) -> bool:
    """Return whether the workspace's Python has the distribution of `member`, editable, from this folder.

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
