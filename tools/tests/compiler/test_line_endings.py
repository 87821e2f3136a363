"""Line endings: contracts or a checkout with CRLF give the same generated code and no findings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from aether_tools.compiler.pipeline import generate
from aether_tools.finding import Location

FIXTURE = Path(__file__).parent / "fixtures/acme"
TYPES = "proto/gen/acme/billing/v1/types.py"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A compiled workspace with both contracts of a domain."""
    root = Path(shutil.copytree(FIXTURE, tmp_path / "whole", ignore=shutil.ignore_patterns("gen", ".aether")))
    assert generate(root).findings == ()
    return root


def _files(root: Path, *folders: str) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for folder in folders
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def _with_crlf(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.write_bytes(content.replace(b"\n", b"\r\n"))


def test_contracts_with_crlf_generate_the_same_bytes(whole: Path) -> None:
    everything = _files(whole, "proto", "openapi")
    generated = {path: content for path, content in everything.items() if "gen" in path.parts}
    _with_crlf({path: content for path, content in everything.items() if path.suffix in (".proto", ".yaml")})
    for folder in ("proto/gen", "proto/aether_adapters", "openapi/gen"):
        shutil.rmtree(whole / folder)
    assert generate(whole).findings == ()
    assert _files(whole, "proto/gen", "openapi/gen") == generated


def test_a_checkout_with_crlf_has_no_findings_and_generate_restores_it(whole: Path) -> None:
    generated = _files(whole, "proto/gen", "proto/aether_adapters", "openapi/gen")
    _with_crlf(_files(whole, "proto", "openapi"))
    assert generate(whole, check=True).findings == ()
    assert generate(whole).overwritten == ()
    assert _files(whole, "proto/gen", "proto/aether_adapters", "openapi/gen") == generated


def test_a_finding_shows_two_lines_that_differ(whole: Path) -> None:
    """Show the edited line in a file with CRLF, and show spaces if only they differ."""
    types = (whole / TYPES).read_bytes()
    lines = types.decode().split("\n")
    number = lines.index("    title: str")
    lines[number] = "  title: str "
    (whole / TYPES).write_bytes("\r\n".join(lines).encode())
    (finding,) = generate(whole, check=True).findings
    assert (finding.location, finding.reason) == (
        Location(TYPES, number + 1, 1),
        "This line is '  title: str ', but the contract generates '    title: str'.",
    )
