"""Tests of `alembic revision --autogenerate` with the kit's `run_migrations`: what it writes, imports and runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from aether_adapters.sql import connect, migrate, pending_changes
from alembic.config import main
from alembic.util import CommandError
from sqlalchemy import Engine, MetaData

CHECKOUT = Path(__file__).parents[3]
TEMPLATE = CHECKOUT / "templates" / "domain" / "domains" / "{{domain}}"

ENV = """
import runpy
from pathlib import Path

from aether_adapters.sql import run_migrations

run_migrations(runpy.run_path(str(Path(__file__).parents[1] / "tables.py"))["METADATA"])
"""

TABLES = """
from aether_adapters.sql import BigId, Bytes, UtcDateTime, exact
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text

METADATA = MetaData()
"""
FIRST = """
Table(
    "courses",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("title", exact(200), nullable=False),
    Column("price_cents", BigInteger, nullable=False),
)
"""
SECOND = """
Table(
    "courses",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("title", exact(80)),
    Column("teacher", exact(80)),
    Column("begins_at", UtcDateTime, index=True),
    Column("code", exact(20), unique=True),
    Column("photo", Bytes),
)
Table(
    "rooms",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("course_id", BigInteger, ForeignKey("courses.id")),
    Column("name", exact(30), unique=True),
    Column("open", Boolean, nullable=False),
    Column("notes", Text),
)
"""


class Project:
    """A folder with tables and migrations, as a domain has them, and the template's Alembic files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions = folder / "migrations" / "versions"
        self.versions.mkdir(parents=True)
        (folder / "migrations" / "env.py").write_text(ENV)
        shutil.copy(TEMPLATE / "alembic.ini", folder)
        shutil.copy(TEMPLATE / "migrations" / "script.py.mako", folder / "migrations")
        workspace = (CHECKOUT / "templates/workspace/pyproject.toml.jinja").read_text()
        lint = re.search(r"\[tool\.ruff\.lint\]\n.*?\n\n", workspace, re.DOTALL)
        assert lint is not None
        (folder / "pyproject.toml").write_text("[tool.ruff]\nline-length = 110\n\n" + lint[0])

    def alembic(self, *arguments: str) -> None:
        """Run a command of Alembic. Raises `CommandError` if it refuses."""
        with chdir(self.folder):
            main(["--raiseerr", *arguments])

    def write(self, tables: str, message: str) -> str:
        """Change the tables, let Alembic write the migration, and return it."""
        (self.folder / "tables.py").write_text(TABLES + tables)
        before = set(self.versions.glob("*.py"))
        self.alembic("revision", "--autogenerate", "-m", message)
        (made,) = set(self.versions.glob("*.py")) - before
        return made.read_text()

    def metadata(self) -> MetaData:
        names: dict[str, MetaData] = {}
        exec((self.folder / "tables.py").read_text(), names)
        return names["METADATA"]

    def ruff(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "migrations/versions"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a domain")


@pytest.fixture
def empty(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def test_what_it_writes_runs_forth_and_back_and_makes_the_tables(project: Project, empty: Engine) -> None:
    project.write(FIRST, "courses")
    migrate(empty.url, project.folder / "migrations")
    assert pending_changes(empty, project.metadata()) == []
    project.write(SECOND, "rooms")
    migrate(empty.url, project.folder / "migrations")
    assert pending_changes(empty, project.metadata()) == []
    address = empty.url.render_as_string(hide_password=False)
    for target in ("0001", "base", "head"):
        command = "upgrade" if target == "head" else "downgrade"
        project.alembic("-x", f"url={address}", command, target)
    assert pending_changes(empty, project.metadata()) == []


def test_what_it_writes_is_formatted_and_has_no_finding(project: Project) -> None:
    project.write(FIRST, "courses")
    written = project.write(SECOND, "rooms")
    assert project.ruff("check").stdout == "All checks passed!\n"
    assert project.ruff("format", "--check").returncode == 0
    assert "from aether_adapters.sql import BigId, Bytes, UtcDateTime, exact\n" in written


def test_revisions_are_numbered_and_one_without_a_change_is_not_written(project: Project) -> None:
    assert 'revision = "0001"\ndown_revision = None\n' in project.write(FIRST, "courses")
    assert 'revision = "0002"\ndown_revision = "0001"\n' in project.write(SECOND, "rooms")
    command = [sys.executable, "-m", "alembic", "revision", "--autogenerate", "-m", "again"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=True)
    assert done.stdout == "The migrations already make these tables: there is nothing to write.\n"
    assert sorted(each.name for each in project.versions.glob("*.py")) == ["0001_courses.py", "0002_rooms.py"]


def test_a_constraint_without_a_name_is_not_dropped_by_guess(project: Project) -> None:
    project.write(SECOND, "rooms")
    (project.folder / "tables.py").write_text(TABLES + SECOND.replace(', ForeignKey("courses.id")', ""))
    with pytest.raises(CommandError, match="A constraint of rooms that is to be dropped has no name"):
        project.alembic("revision", "--autogenerate", "-m", "no course")
    assert sorted(each.name for each in project.versions.glob("*.py")) == ["0001_rooms.py"]


def test_other_commands_of_alembic_ask_for_the_database(project: Project) -> None:
    project.write(FIRST, "courses")
    with pytest.raises(ValueError, match="Name the database: alembic -x url=sqlite:///path/to/file"):
        project.alembic("upgrade", "head")
