"""What a contract's file may look like: JSON, byte order marks, dates, and references in places that hold data."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.openapi.reader import read
from aether_tools.finding import ContractError

KITCHEN = Path(__file__).with_name("kitchen") / "openapi" / "kitchen.yaml"
TEXT = KITCHEN.read_text(encoding="utf-8")


def value(folder: Path, content: str) -> Any:
    """The value that the compiler reads, which must be the one of the text that services read."""
    file = folder / "contract.yaml"
    file.write_bytes(content.encode())
    source = read(file, folder, Findings())
    assert yaml.safe_load(source.text) == source.root.plain()
    return source.root.plain()


def refusal(folder: Path, content: str) -> tuple[str, int, int]:
    with pytest.raises(ContractError) as refused:
        value(folder, content)
    finding = refused.value.findings[0]
    return finding.code, finding.location.line, finding.location.column


@pytest.mark.parametrize(
    "text",
    [
        r'{"a": "\ud83d\ude00"}',
        r'{"a": "\\ud83d\\ude00 \\\ud83d\ude00\ud83d\ude00"}',
        r'{"\ud83d\ude00": {"\ud83d\uDE00": "\/ \" \\"}}',
        '{"a": "\x7f \x80 \x9f \ufffe \uffff \x85 \u2028"}',
        '{\n\t"a":\t[1,\t"\\t"]\n}\n',
        '{"a": [1, 2.5, -0.5, true, false, null, "", [], {}]}',
    ],
)
def test_a_json_contract_has_the_values_that_json_gives_it(tmp_path: Path, text: str) -> None:
    assert value(tmp_path, text) == json.loads(text)


def test_random_json_has_the_values_that_json_gives_it(tmp_path: Path) -> None:
    chance = random.Random(7)
    pieces = [
        "\\",
        '"',
        "\t",
        "\n",
        "u",
        "ud83d",
        "\\ud83d",
        "\U0001f600",
        "\x9f",
        "\x7f",
        "#",
        ": ",
        "{",
        "'",
        "&a",
        "é",
        "\ufeff",
    ]
    for _ in range(200):
        text = "".join(chance.choices(pieces, k=6))
        for ascii_only in (True, False):
            document = json.dumps(
                {"a": [text, {"b": text}]}, ensure_ascii=ascii_only, indent=chance.choice((None, "\t"))
            )
            assert value(tmp_path, document) == {"a": [text, {"b": text}]}


def test_a_byte_order_mark_is_no_part_of_a_contract(tmp_path: Path) -> None:
    assert value(tmp_path, "\ufeff" + TEXT) == yaml.safe_load(TEXT)


def test_an_unquoted_date_is_text(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text("a: 2026-01-02\nb: 2026-01-02T03:04:05Z\n")
    source = read(tmp_path / "contract.yaml", tmp_path, Findings())
    assert source.root.plain() == {"a": "2026-01-02", "b": "2026-01-02T03:04:05Z"}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\nb: [*c]\n", "openapi-yaml-alias", 2, 5),
        ("a: &a [1]\nb: {c: *a, d: &a 2}\n", "openapi-yaml-alias", 2, 15),
        ("a: 1\n---\nb: 2\n", "openapi-yaml", 2, 1),
        ("a: 1\nb: é\x9f\n", "openapi-yaml", 2, 5),
        ("a:\n  b: 1\n  b: 2\n", "openapi-duplicate-key", 3, 3),
        ("a: " + "9" * 41 + "\n", "openapi-yaml-number", 1, 4),
        ("a: 36893488147419103232\n", "openapi-yaml-number", 1, 4),
        ("a: 1\n? {b: c}\n: 2\n", "openapi-yaml-key", 2, 3),
        ("a: !!omap [b: 1]\n", "openapi-yaml-tag", 1, 4),
        ("a: " + "[" * 201 + "]" * 201, "openapi-yaml-depth", 1, 203),
        (
            "a: &a " + "[" * 150 + "]" * 150 + "\nb: " + "[" * 100 + "*a" + "]" * 100,
            "openapi-yaml-depth",
            2,
            104,
        ),
    ],
)
def test_a_fault_is_found_where_it_is(tmp_path: Path, text: str, code: str, line: int, column: int) -> None:
    assert refusal(tmp_path, text) == (code, line, column)


def test_aliases_repeat_values_within_a_limit(tmp_path: Path) -> None:
    content = "a: &a {x: [1, 2], y: text}\nb: *a\nc: [*a, *a]\n"
    assert value(tmp_path, content) == yaml.safe_load(content)
    long = "a: &a [" + "1, " * 999 + "1]\nb: [" + "*a, " * 100 + "*a]\n"
    assert refusal(tmp_path, long)[:2] == ("openapi-yaml-alias", 2)


def test_long_keys_above_many_values_are_refused(tmp_path: Path) -> None:
    key = "k" * 1_000
    text = "".join(f"{'  ' * depth}{key}:\n" for depth in range(100)) + f"{'  ' * 100}[{'1, ' * 9_000}1]\n"
    assert refusal(tmp_path, text)[0] == "openapi-yaml-size"


def test_a_percent_encoded_reference_finds_its_target(kitchen: Any) -> None:
    """A $ref is a URI, so bundlers encode the braces of a path (RFC 3986)."""
    contract = yaml.safe_load(TEXT)
    item = contract["paths"]["/targets/{shelf}"]
    item["parameters"] = [item["put"]["parameters"][0]]
    item["put"]["parameters"][0] = {"$ref": "#/paths/~1targets~1%7Bshelf%7D/parameters/0"}
    files = kitchen.compile(yaml.safe_dump(contract, sort_keys=False))
    served = yaml.safe_load(files["kitchen.yaml"])["paths"]["/targets/{shelf}"]
    assert served["put"]["parameters"][0] == {"$ref": "#/paths/~1targets~1{shelf}/parameters/0"}


DATA = """
    Data:
      type: object
      x-policy: [{$ref: '../policy.yaml'}]
      example: {schema: {$ref: 'https://example.org/s.json'}}
      properties: {example: {type: string, example: {$ref: nowhere, x-field: 5}}}
"""


def test_a_reference_in_data_is_data_and_is_not_served(kitchen: Any) -> None:
    """Connexion would follow it when the service starts: to a file, or to an address."""
    files = kitchen.compile(TEXT.replace("  schemas:\n", f"  schemas:{DATA}", 1))
    served = yaml.safe_load(files["kitchen.yaml"])["components"]["schemas"]["Data"]
    assert served == {"type": "object", "properties": {"example": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ("{type: string, default: {$ref: '#/a'}}", "openapi-ref-in-data"),
        ("{type: object, enum: [{$ref: '#/a'}]}", "openapi-ref-in-data"),
        ("{type: object, properties: {$ref: {type: string}}}", "openapi-ref-name"),
        ("{oneOf: [{$ref: '#/components/schemas/Data'}]}", "openapi-oneof-cycle"),
        ("{allOf: [{$ref: '#/components/schemas/Data'}]}", "openapi-allof-cycle"),
    ],
)
def test_a_reference_that_would_harm_the_service_is_refused(kitchen: Any, schema: str, code: str) -> None:
    # The schema is one that an operation reads.
    text = TEXT.replace("  schemas:\n", f"  schemas:\n    Data: {schema}\n", 1).replace(
        "      properties: {name: {type: string}, ripe: {type: boolean}}",
        "      properties: {name: {type: string}, ripe: {type: boolean}, data: {$ref: '#/components/schemas/Data'}}",
    )
    found = kitchen.refusals(text)
    assert code in [finding.code for finding in found]


def test_schemas_that_differ_in_an_extension_can_be_merged(kitchen: Any) -> None:
    text = TEXT.replace(
        "    Versioned:\n      type: object\n", "    Versioned:\n      type: object\n      x-docs: one\n"
    )
    text = text.replace(
        "                  - type: object\n",
        "                  - type: object\n                    x-docs: two\n",
    )
    assert text.count("x-docs") == 2
    kitchen.compile(text)


def test_two_allofs_of_one_schema_do_not_double_its_alternatives(kitchen: Any) -> None:
    """Each of 40 levels names the level below twice; the alternatives of a oneOf doubled at each."""
    levels = "".join(
        f"    L{n}: {{allOf: [{{$ref: '#/components/schemas/L{n - 1}'}}, {{$ref: '#/components/schemas/L{n - 1}'}}]}}\n"
        for n in range(1, 41)
    )
    base = "    L0: {type: object, oneOf: [{required: [a], properties: {a: {type: string}}}]}\n"
    text = TEXT.replace("  schemas:\n", f"  schemas:\n{base}{levels}", 1).replace(
        "aPlain: {$ref: '#/components/schemas/Plain'}", "aPlain: {$ref: '#/components/schemas/L40'}"
    )
    assert "openapi-allof-oneof" in [finding.code for finding in kitchen.refusals(text)]
