"""The README's commands, as written: what a reader types works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.acme import Acme

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
LINKS = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_a_make_target_it_names_is_there(command: str) -> None:
    subprocess.run(["make", "--dry-run", command.split()[1]], cwd=ROOT, check=True, capture_output=True)


def test_its_way_to_a_domain_can_be_walked(tmp_path: Path) -> None:
    folder = tmp_path
    walked = []
    for line in COMMANDS:
        for command in line.split(" && "):
            match command.split():
                case ["cd", name]:
                    folder /= name
                case ["aether", "run"] | ["make", *_]:
                    continue  # tests/templates and tests/e2e go on from here
                case ["aether", *words]:
                    if words[0] == "new" and "--workspace" not in words:
                        words.append("--no-install")
                    Acme(folder).aether(*words).succeeded()
                    walked.append(words[0])
                case _:
                    raise AssertionError(f"nobody has tried {command!r}")
    assert walked == ["new", "new", "generate", "check"]
    assert (folder / "proto/gen/acme/billing/v1/port.py").is_file()


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
