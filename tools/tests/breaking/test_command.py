"""`aether breaking` as a person and a program run it: output in every form, exit codes, and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aether_tools.breaking.examples import EXAMPLES, document
from aether_tools.commands.app import run_command_line

FORMS = ["text", "json", "sarif", "github", "junit"]


@dataclass(frozen=True, slots=True)
class Ran:
    """Exit code and output of the command."""

    code: int
    out: str
    err: str


Breaking = Callable[..., Ran]


@pytest.fixture
def breaking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Breaking:
    """Runs `aether breaking` in the test's folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("AETHER_DEBUG", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Ran:
        code = run_command_line(["breaking", *arguments])
        shown = capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    return run


def write(folder: Path, code: str) -> None:
    """Write the example of a code as old.yaml and new.yaml."""
    example = EXAMPLES[code]
    (folder / "old.yaml").write_text(document(example.where, example.old), encoding="utf-8")
    (folder / "new.yaml").write_text(document(example.where, example.new), encoding="utf-8")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("api-response-type-changed", 1), ("api-response-enum-added", 0), ("api-operation-added", 0)],
)
def test_only_what_breaks_fails_in_every_form(
    breaking: Breaking, tmp_path: Path, code: str, exit_code: int, form: str
) -> None:
    write(tmp_path, code)
    ran = breaking("old.yaml", "new.yaml", "--all", "--format", form)
    assert (ran.code, ran.err) == (exit_code, "")
    assert code in ran.out


def test_text_says_what_where_why_and_how_many(breaking: Breaking, tmp_path: Path) -> None:
    write(tmp_path, "api-response-type-changed")
    assert breaking("old.yaml", "new.yaml").out == (
        "new.yaml:12:23: breaking api-response-type-changed The 200 response was integer and is number now "
        "(POST /orders). They cannot read it.\n"
        "  at: #/paths/~1orders/post/responses/200/content/application~1json/schema/type\n"
        "  fix: Keep it as it was, or publish the change in a new version of the API.\n"
        "`aether explain api-response-type-changed` shows an example, wrong and right.\n"
        "1 finding.\n"
        "Changes: 1 breaking, 0 risky, 0 safe.\n"
    )


def test_safe_changes_are_counted_and_shown_on_request(breaking: Breaking, tmp_path: Path) -> None:
    write(tmp_path, "api-operation-added")
    assert breaking("old.yaml", "new.yaml").out == (
        "Nothing breaks: 0 breaking, 0 risky, 1 safe. `--all` shows the safe ones.\n"
    )
    assert "safe api-operation-added POST /orders is new" in breaking("old.yaml", "new.yaml", "--all").out
    assert breaking("new.yaml", "new.yaml").out == "No change that concerns a client.\n"


def test_each_form_gives_the_severity_and_the_pointer(breaking: Breaking, tmp_path: Path) -> None:
    write(tmp_path, "api-response-enum-added")
    pointer = "#/paths/~1orders/post/responses/200/content/application~1json/schema/enum/1"
    shown = json.loads(breaking("old.yaml", "new.yaml", "--json").out)
    assert [(each["code"], each["severity"], each["pointer"]) for each in shown] == [
        ("api-response-enum-added", "risky", pointer)
    ]
    log = json.loads(breaking("old.yaml", "new.yaml", "--format", "sarif").out)
    result = log["runs"][0]["results"][0]
    assert (result["level"], result["locations"][0]["logicalLocations"]) == (
        "warning",
        [{"fullyQualifiedName": pointer}],
    )
    assert breaking("old.yaml", "new.yaml", "--format", "github").out.startswith("::warning file=new.yaml,")
    suite = ElementTree.fromstring(breaking("old.yaml", "new.yaml", "--format", "junit").out)
    assert (suite.attrib["failures"], len(suite.findall("testcase/system-out"))) == ("0", 1)


def bad(folder: Path, kind: str) -> tuple[str, str]:
    """Write bad input of a kind and return the two arguments."""
    write(folder, "api-operation-added")
    (folder / "tree").mkdir()
    (folder / "empty").mkdir()
    (folder / "tree/a.proto").write_text('syntax = "proto3";\n', encoding="utf-8")
    match kind:
        case "missing":
            return "old.yaml", "gone.yaml"
        case "file and folder":
            return "old.yaml", "tree"
        case "empty folder":
            return "tree", "empty"
        case "one proto file":
            return "tree/a.proto", "tree/a.proto"
        case "not UTF-8":
            (folder / "new.yaml").write_bytes(b"openapi: 3.0.3\ninfo: {title: \xff}\n")
        case "not YAML":
            (folder / "new.yaml").write_text("openapi: [\n", encoding="utf-8")
        case "bomb":
            anchors = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
            (folder / "new.yaml").write_text(f"openapi: 3.0.3\na0: &a0 [x]\n{anchors}", encoding="utf-8")
        case "deep":
            (folder / "new.yaml").write_text('{"openapi": ' + "[" * 50_000, encoding="utf-8")
        case "too many values":
            (folder / "new.yaml").write_text(json.dumps({"openapi": "3.0.3", "x-y": list(range(400_000))}))
        case "large":
            (folder / "new.yaml").write_bytes(b"# " + b"x" * (17 * 1024 * 1024))
        case "device":
            return "old.yaml", "/dev/null"
        case "broken proto":
            (folder / "empty/a.proto").write_text("message {", encoding="utf-8")
            return "tree", "empty"
    return "old.yaml", "new.yaml"


@pytest.mark.parametrize(
    "kind",
    [
        "missing", "file and folder", "empty folder", "one proto file", "not UTF-8", "not YAML", "bomb", "deep",
        "too many values", "large", "device", "broken proto",
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence_and_exit_code_2(breaking: Breaking, tmp_path: Path, kind: str) -> None:
    ran = breaking(*bad(tmp_path, kind), "--json")
    assert ran.code == 2
    assert ran.err.startswith("aether: ")
    assert "bug" not in ran.err
    told = json.loads(ran.out)
    assert told["error"].rstrip().endswith((".", '"'))
    assert isinstance(told["findings"], list)


def test_text_has_nothing_but_the_sentence(breaking: Breaking) -> None:
    ran = breaking("old.yaml", "new.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert (
        ran.err
        == "aether: old.yaml does not exist: name two OpenAPI documents, or two folders with proto files.\n"
    )
