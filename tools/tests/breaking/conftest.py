"""Compares OpenAPI documents and proto trees that a test writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from aether_tools.breaking.library import Library
from aether_tools.breaking.openapi import compare_documents
from aether_tools.finding import Finding

TODAY = date(2026, 11, 27)
Compare = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Compares two documents given as text; more files of the new side by their name."""

    def run(old: str, new: str, *, today: date = TODAY, **beside: str) -> tuple[Finding, ...]:
        for name, text in {"old.yaml": old, "new.yaml": new, **beside}.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return compare_documents(
            tmp_path / "old.yaml",
            tmp_path / "new.yaml",
            old_library=Library(tmp_path),
            new_library=Library(tmp_path),
            today=today,
        )

    return run
