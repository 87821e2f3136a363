"""Says which settings keep a settings class from being made, each where it is written.

The probe runs it by its path, so it imports nothing of aether_tools.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Found = dict[str, object]


def wrong_settings(task: dict[str, Any], settings: Any, error: Exception) -> Iterator[Found]:
    """Yield a finding for each variable that `error` complains of. None if it is not about variables."""
    for variable, field, reason in _complaints(settings, error):
        file, line = _place(task, settings, variable, field)
        given = file.name == "pyproject.toml"
        declared = "[tool.aether.development.settings]"
        advice = (
            f"Correct it in {declared}."
            if given
            else f"Give {field} a default, or {variable} a value in {declared} of domains/{task['domain']}/pyproject.toml."
            if reason.startswith("has no")
            else f"Correct {variable} in the environment, or unset it."
        )
        yield {
            "code": "container-setting",
            "reason": f"{variable} {reason}.",
            "file": str(file),
            "line": line,
            "advice": advice,
        }


def _complaints(settings: Any, error: Exception) -> Iterator[tuple[str, str, str]]:
    """Yield variable, field and reason."""
    names = {_variable(settings, field): field for field in settings.model_fields}
    sentences = getattr(error, "sentences", None)
    if sentences is None and hasattr(error, "errors"):
        for each in error.errors(include_url=False, include_input=False):
            field = str(each["loc"][0]) if each["loc"] else ""
            if field in settings.model_fields:
                what = str(each["msg"]).removeprefix("Value error, ").removesuffix(".")
                missing = each["type"] == "missing"
                yield (
                    _variable(settings, field),
                    field,
                    "has no value for development" if missing else f"is wrong: {what}",
                )
        return
    for sentence in sentences or [f"{name} is no JSON" for name in names if f'"{names[name]}"' in str(error)]:
        variable, _, reason = sentence.partition(" ")
        if re.fullmatch(r"[A-Z0-9_]+", variable):
            yield variable, names.get(variable, ""), reason.removesuffix(".")


def _variable(settings: Any, field: str) -> str:
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def _place(task: dict[str, Any], settings: Any, variable: str, field: str) -> tuple[Path, int]:
    """Return where the domain gives the variable its value, else where its class has the field, else its class."""
    project = Path(task["source"]).parents[1] / "pyproject.toml"
    text = project.read_text(encoding="utf-8", errors="replace") if project.is_file() else ""
    given = re.search(rf"(?<!\w){re.escape(variable)}(?!\w)\"?\s*=", text)
    if given:
        return project, text[: given.start()].count("\n") + 1
    place = Path(task["container"]), 1
    for kind in reversed(settings.__mro__):
        file = Path(inspect.getsourcefile(kind) or "") if kind.__module__ != "builtins" else Path()
        if not file.is_relative_to(task["source"]):
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                line = next((each.lineno for each in fields if ast.unparse(each.target) == field), None)
                place = (file, line) if line else place if place[1] > 1 else (file, node.lineno)
    return place
