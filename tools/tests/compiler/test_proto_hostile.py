"""Hostile text and names in a proto contract: a finding names the place, or the generated code carries the text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aether_tools.compiler.pipeline import generate

from tools.tests.compiler.openapi.hostile import RUN, TEXTS

PROTO = Path("proto/acme/billing/v1/billing.proto")
COMMENTS = [text for text in TEXTS if text.strip(" \t\n\r\f\v") and "\x00" not in text]


def commented(text: str) -> str:
    return "".join(f"// {line}\n" for line in text.split("\n"))


def expected(text: str) -> str:
    """A comment without the white space around its lines, which protoc and the compiler take away."""
    lines = [line.rstrip().expandtabs(4) for line in text.split("\n")]
    return "\n".join(lines).strip()


def append(root: Path, text: str) -> None:
    contract = root / PROTO
    contract.write_text(contract.read_text(encoding="utf-8") + text, encoding="utf-8", newline="")


def run(root: Path, program: str) -> Any:
    """Run a program with the workspace's generated code and return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(root / "proto/gen"), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_any_comment_becomes_the_same_words_and_no_code(acme: Path) -> None:
    messages = "".join(
        f"{commented(text)}message Said{index} {{\n{commented(text)}int64 a = 1;\n}}\n"
        for index, text in enumerate(COMMENTS)
    )
    values = "".join(f"{commented(text)}KIND_{index} = {index};\n" for index, text in enumerate(COMMENTS))
    append(acme, f"{messages}\nenum Kind {{\n{values}}}\n")
    assert generate(acme).findings == ()
    found = run(
        acme,
        "import builtins, json\n"
        "from acme.billing.v1 import types, codec, port, grpc\n"
        "docs = [getattr(types, f'Said{index}').__doc__ for index in range(" + str(len(COMMENTS)) + ")]\n"
        "print(json.dumps([docs, hasattr(builtins, 'CANARY')]))",
    )
    docs, ran = found
    assert not ran, "a comment was run as code"
    for text, doc in zip(COMMENTS, docs, strict=True):
        lines = [line.removeprefix("    ") for line in doc.strip(" ").split("\n")]
        assert "\n".join(lines).strip() == expected(text)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "E9,F,PLE"], ["format", "--check", "--line-length", "110"]):
        types = acme / "proto/gen/acme/billing/v1/types.py"
        done = subprocess.run(
            [*ruff, *command, "--isolated", types], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:]


def test_a_json_name_of_any_text_is_carried(acme: Path) -> None:
    names = [text for text in TEXTS if text and "\x00" not in text]  # protoc refuses a NUL
    fields = "".join(
        f'string f{number} = {number} [json_name = "{_octal(name)}"];\n'
        for number, name in enumerate(names, 1)
    )
    append(acme, f"message Named {{\n{fields}}}\n")
    assert generate(acme).findings == ()
    program = """
import json
from acme.billing.v1 import codec, types
from acme.billing.v1.billing_pb2 import Named
print(json.dumps([field.json_name for field in Named.DESCRIPTOR.fields]))
"""
    assert run(acme, program) == names


def _octal(text: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in text.encode())


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("message __name__ { int64 a = 1; }", "begins with an underscore"),
        ("enum Kind { _ignore_ = 0; }", "begins with an underscore"),
        ("message A { int64 HasField = 1; }", "hides an attribute"),
        ('message A { int64 a = 1 [json_name = "\\xff"]; }', "not UTF-8"),
        ('option java_package = "\\xff";', "not UTF-8"),
        (
            "message A { oneof b_c { int64 x = 1; } } message A_b { oneof c { int64 x = 1; } }",
            "the same Python",
        ),
    ],
)
def test_a_name_that_python_gives_a_meaning_is_refused(acme: Path, declared: str, reason: str) -> None:
    append(acme, f"{declared}\n")
    findings = generate(acme).findings
    assert findings
    assert any(reason in finding.reason for finding in findings)
    assert all(finding.location.line > 90 for finding in findings)


@pytest.mark.parametrize("name", ["dataclass", "abstractmethod", "service", "_Close"])
def test_a_method_named_as_generated_code_is_refused(acme: Path, name: str) -> None:
    contract = acme / PROTO
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace("rpc GetTally(", f"rpc {name}("), encoding="utf-8")
    assert any(name in finding.reason and finding.location.line for finding in generate(acme).findings)


def test_messages_named_as_pythons_words_hide_nothing(acme: Path) -> None:
    """A small first letter gets an underscore, because functions, modules and variables have such names."""
    words = [
        "sum",
        "list",
        "enumerate",
        "value",
        "item",
        "message",
        "wire",
        "codec",
        "billing_pb2",
        "frozenset",
    ]
    declared = "".join(f"message {word} {{ int64 a = 1; }}\n" for word in words)
    fields = "".join(f"repeated {word} {word} = {index};\n" for index, word in enumerate(words, 1))
    append(
        acme, f"{declared}message Held {{\n{fields}oneof chosen {{ value one = 90; item other = 91; }}\n}}\n"
    )
    assert generate(acme).findings == ()
    program = f"""
import json
from acme.billing.v1 import types, codec
from acme.billing.v1.billing_pb2 import Held
words = {words!r}
held = types.Held(**{{w + "_" if hasattr(types.Held, w + "_") else w: (getattr(types, w + "_")(a=1),) for w in words}}, chosen=types.value_(a=2))
print(json.dumps(codec.held_from_pb(codec.held_to_pb(held)) == held))
"""
    assert run(acme, program) is True


def test_protobufs_code_for_a_hostile_comment_is_not_run(acme: Path) -> None:
    append(acme, f'// """ {RUN}\nmessage Z {{ int64 a = 1; }}\n')
    assert generate(acme).findings == ()
    assert not run(
        acme,
        "import builtins, json\nimport acme.billing.v1.billing_pb2\nprint(json.dumps(hasattr(builtins, 'CANARY')))",
    )


def test_an_option_that_makes_protoc_abort_is_refused(acme: Path) -> None:
    contract = acme / PROTO
    text = contract.read_text(encoding="utf-8")
    named = 'returns (Tally) { option (aether_adapters.contract.services) = "\\xff";'
    text = text.replace("returns (Tally) {", named).replace(
        "import ", 'import "aether_adapters/contract/options.proto";\nimport ', 1
    )
    assert named in text
    contract.write_text(text, encoding="utf-8")
    (finding,) = generate(acme).findings
    assert (finding.code, finding.location.file) == ("proto-encoding", str(PROTO))
    assert "aether_adapters.contract.services" in finding.reason


def test_a_message_may_be_declared_inside_the_oneof_that_holds_it(acme: Path) -> None:
    nested = "message Automatic { string key = 1; } message UserManaged { repeated string places = 1; }"
    append(
        acme,
        f"message Copies {{ {nested} oneof kind {{ Automatic automatic = 1; UserManaged user_managed = 2; }} }}\n",
    )
    assert generate(acme).findings == ()


HTTP = """syntax = "proto3";
package google.api;
import "google/protobuf/descriptor.proto";
message HttpRule { string get = 2; }
extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
"""


@pytest.mark.parametrize("vendored", [False, True])
def test_googles_http_annotations_have_one_fix(acme: Path, vendored: bool) -> None:
    contract = acme / PROTO
    text = contract.read_text(encoding="utf-8")
    contract.write_text(
        text.replace("import ", 'import "google/api/annotations.proto";\nimport ', 1), encoding="utf-8"
    )
    if vendored:
        (acme / "proto/google/api").mkdir(parents=True)
        (acme / "proto/google/api/annotations.proto").write_text(HTTP)
    findings = generate(acme).findings
    assert findings
    assert {finding.fix for finding in findings} == {
        "Remove the import and the google.api options: the REST API is declared in openapi/<domain>.yaml."
    }
