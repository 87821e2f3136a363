"""docs/checks.md lists exactly the codes in the source, and the contracts in docs/contracts.md compile."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aether_tools.check
import aether_tools.compiler
from aether_tools.compiler.pipeline import generate

from .corpus import MUTATIONS, TABLES, WIRING
from .corpus_contracts import CONTRACTS

REPOSITORY = Path(__file__).parents[3]


def documented_codes(heading: str) -> list[str]:
    """Return the codes in the table under a heading of docs/checks.md."""
    text = (REPOSITORY / "docs/checks.md").read_text(encoding="utf-8")
    section = text.partition(f"{heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)


def test_the_page_lists_exactly_the_codes_of_the_checks() -> None:
    documented = documented_codes("# What `aether check` finds")
    sources = Path(str(aether_tools.check.__file__)).parent.rglob("*.py")
    given = {
        code
        for source in sources
        for code in re.findall(
            r'"((?:import|use-case|container|contract|domain|python|effect|state|exception|event|mapping|migration|unit|request|error|enum|setting|package|dependency|quality)-[a-z-]+)"',
            source.read_text(),
        )
    }
    assert sorted(documented) == sorted(given)


def test_the_page_says_how_much_the_corpus_tries() -> None:
    text = (REPOSITORY / "docs/checks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    tried = Counter(
        (mutation.kind, bool(mutation.code)) for mutation in (*MUTATIONS, *TABLES, *WIRING, *CONTRACTS)
    )
    assert {(kind, int(wrong), int(harmless)) for kind, wrong, harmless in rows} == {
        (kind, tried[kind, True], tried[kind, False]) for kind, _ in tried
    }


def test_the_page_lists_exactly_the_codes_of_the_compiler() -> None:
    documented = documented_codes("## What the compiler refuses")
    folder = Path(str(aether_tools.compiler.__file__)).parent
    given = {code for source in folder.rglob("*.py") for code in codes(ast.parse(source.read_text()))}
    assert len(given) > 90
    assert sorted(documented) == sorted(given)


def codes(module: ast.Module) -> Iterator[str]:
    """Yield every code that a module's findings can have.

    The OpenAPI front end passes codes without their prefix to `findings.add`, `.add_effect` and `.stop`. It
    lists unsupported keywords in one table.
    """
    for node in ast.walk(module):
        match node:
            case ast.Constant(value=str(text)) if re.fullmatch(
                r"(proto|openapi|generated|contract)-[a-z-]+", text
            ):
                yield text
            case ast.Call(
                func=ast.Attribute(attr="add" | "stop"), args=[_, ast.Constant(value=str(code)), _, _]
            ):
                yield f"openapi-{code}"
            case ast.Call(
                func=ast.Attribute(attr="add_effect"), args=[_, _, ast.Constant(value=str(code)), *_]
            ):
                yield f"openapi-{code}"
            case ast.FunctionDef(name="_unsupported", body=[ast.Assign(value=ast.Dict(keys=keywords)), *_]):
                for keyword in keywords:
                    assert isinstance(keyword, ast.Constant)
                    yield f"openapi-{str(keyword.value).lower()}"


def test_the_contracts_in_the_documentation_compile(tmp_path: Path) -> None:
    shown = (REPOSITORY / "docs/contracts.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^```(proto|yaml)\n(.*?)^```$", shown, re.MULTILINE | re.DOTALL))
    common = "acme/common/v1/common.proto"
    fixture = REPOSITORY / "tools/tests/compiler/fixtures/acme/proto" / common
    files = {
        "pyproject.toml": '[tool.aether]\nname = "acme"\n',
        f"proto/{common}": fixture.read_text(encoding="utf-8"),
        "proto/acme/library/v1/library.proto": blocks["proto"],
        "openapi/library.yaml": blocks["yaml"],
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert generate(tmp_path).findings == ()
    edge = (tmp_path / "openapi/gen/acme_openapi/library.py").read_text(encoding="utf-8")
    methods = (tmp_path / "proto/gen/acme/library/v1/grpc.py").read_text(encoding="utf-8")
    assert "parse_etag" in edge
    assert all('scopes=frozenset({"loans.read"})' in written for written in (edge, methods))
