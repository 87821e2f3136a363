"""A bad name is refused with a sentence that helps, and nothing is written."""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from .conftest import CHECKOUT, Templates

GOOD = {"template": "domain", "workspace": "acme", "domain": "billing"}


@pytest.mark.parametrize(
    ("answer", "value", "advice"),
    [
        ("domain", "Billing", "write it in snake_case"),
        ("domain", "gift-card", "write it in snake_case"),
        ("domain", "2fa", "write it in snake_case"),
        ("domain", "a__b", "write it in snake_case"),
        ("domain", "../evil", "write it in snake_case"),
        ("domain", "naïve", "write it in snake_case"),
        ("domain", "", "write it in snake_case"),
        ("domain", "billing\n", "write it in snake_case"),
        ("aggregate", "Invoice\n", "write it in PascalCase"),
        ("domain", "class", "choose another name, such as class_desk"),
        *(
            (("domain", name, "choose another name"))
            for name in ("adapters", "tools", "proto", "openapi", "common")
        ),
        ("domain", "acme", "hide the proto package"),
        ("domain", "google", "hide the proto package"),
        ("workspace", "Acme", "write it in snake_case"),
        ("workspace", "import", "keyword of Python"),
        ("workspace", "platform", "a module that every service imports"),
        ("workspace", "google", "a module that every service imports"),
        ("workspace", "aether_adapters", "a folder that every workspace has"),
        ("workspace", "gen", "a folder that every workspace has"),
        ("aggregate", "invoice", "write it in PascalCase"),
        ("aggregate", "URL", "an acronym as a word"),
        ("aggregate", "Gift_Card", "write it in PascalCase"),
        ("aggregate", "Tally", "choose a more specific one"),
        ("aggregate", "Class", "choose a more specific one"),
        ("aggregate_plural", "Billing", "must differ"),
        ("aggregate_plural", "invoices", "write it in PascalCase"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_is_written(
    templates: Templates, tmp_path: Path, answer: str, value: str, advice: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        templates.render(tmp_path / "workspace", **(GOOD | {answer: value}))
    assert not (tmp_path / "workspace").exists()


def test_a_missing_answer_is_asked_for_and_never_guessed(templates: Templates, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='"domain" is required'):
        templates.render(tmp_path / "workspace", workspace="acme")
    assert not (tmp_path / "workspace").exists()


def test_a_refusal_reaches_the_shell_and_no_file_is_written(templates: Templates, tmp_path: Path) -> None:
    data = [word for name, value in GOOD.items() for word in ("--data", f"{name}={value}")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "copier",
            "copy",
            "--defaults",
            *data,
            "--data",
            "domain=class",
            ".",
            tmp_path / "x",
        ],
        cwd=templates.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "choose another name, such as class_desk" in done.stderr
    assert not (tmp_path / "x").exists()


def test_the_words_of_python_and_its_library_are_known() -> None:
    environment = Environment(loader=FileSystemLoader(CHECKOUT), autoescape=False)
    environment.filters |= {
        "regex_search": lambda text, _pattern: text,
        "regex_replace": lambda text, *_: text,
    }
    names = environment.get_template("templates/names.jinja").make_module()
    public = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    demos = {"antigravity", "this", "idlelib", "turtledemo", "pydoc_data", "nt", "msilib"}
    assert set(keyword.kwlist) == set(names.KEYWORDS)  # type: ignore[attr-defined]
    assert public - demos <= set(names.STANDARD_LIBRARY)  # type: ignore[attr-defined]
