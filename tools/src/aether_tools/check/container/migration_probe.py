"""Runs a domain's migrations on an empty SQLite and compares the result with the tables of its adapters.

`probe.py` loads it by its path, in the workspace's own Python; it imports nothing of aether_tools.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def changes(script_location: Path, database: Path) -> Iterator[dict[str, object]]:
    """Yield what differs between the migrations and the tables, or where the migrations fail."""
    try:
        from aether_adapters import sql
    except ImportError:
        return  # a workspace without the SQL kit has no migrations to run
    seen: list[Any] = []
    original = sql.run_migrations

    def run_migrations(metadata: Any) -> None:
        seen.append(metadata)
        original(metadata)

    sql.run_migrations = run_migrations
    try:
        sql.migrate(f"sqlite:///{database}", script_location)
        engine = sql.connect(f"sqlite:///{database}")
        found = sql.pending_changes(engine, seen[-1]) if seen else []
        engine.dispose()
    except Exception as error:
        yield _failed(error, script_location)
        return
    finally:
        sql.run_migrations = original
    for change in found:
        yield {"code": "migration-pending", "change": change}


def _failed(error: Exception, script_location: Path) -> dict[str, object]:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(script_location)
    ]
    reason = " ".join(f"{type(error).__name__}: {error}".split()).partition(" [SQL:")[0].removesuffix(".")
    return {
        "code": "migration-broken",
        "reason": f"The migrations fail on an empty database: {reason}.",
        "file": frames[-1].filename if frames else str(script_location / "env.py"),
        "line": (frames[-1].lineno or 1) if frames else 1,
    }
