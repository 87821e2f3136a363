"""Small inputs of the kind that public documents have, in `cases/`; each says at its top what was once wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aether_tools.compiler.openapi.document import Findings
from aether_tools.compiler.openapi.reader import read
from aether_tools.compiler.pipeline import generate

Write = Callable[[Mapping[str, str]], Path]
CASES = Path(__file__).with_name("cases")

HEAD = """\
syntax = "proto3";
package acme.shop.v1;
import "aether_adapters/contract/options.proto";
import "google/protobuf/empty.proto";
"""
PUBLIC = "{ option (aether_adapters.contract.access) = ACCESS_PUBLIC; }"
IDS = f"""{HEAD}
service ShopService {{
  rpc GetItem(Item) returns (google.protobuf.Empty) {PUBLIC}
  rpc CloseItem(Item) returns (google.protobuf.Empty) {PUBLIC}
}}
message Item {{ int64 id = 1; }}
"""
BOTH = f"""{HEAD}
service ShopService {{ rpc GetItem(google.protobuf.Empty) returns (Both) {PUBLIC} }}
message Both {{ optional string a = 1; optional string b = 2; }}
"""


@pytest.mark.parametrize(
    ("case", "proto", "codes"),
    [
        ("percent-encoded-ref.yaml", IDS, []),
        ("extension-clash.yaml", BOTH, []),
        ("ref-in-data.yaml", IDS, ["openapi-no-operations 4"]),
        ("control-character.json", IDS, ["openapi-no-operations 1"]),
        ("no-operations-is-false.yaml", IDS, ["openapi-operation-id 5"]),
        ("deep-nesting.yaml", IDS, ["openapi-yaml-depth 5"]),
        (
            "version-hides.yaml",
            IDS,
            [
                "openapi-version 2",
                "openapi-operation-id 7",
                "openapi-newer 10",
                "openapi-newer 10",
                "openapi-status 11",
                "openapi-security-scheme 12",
            ],
        ),
    ],
)
def test_a_document_has_only_its_own_faults(
    workspace: Write, case: str, proto: str, codes: list[str]
) -> None:
    text = (CASES / case).read_text(encoding="utf-8")
    root = workspace({"proto/acme/shop/v1/shop.proto": proto, "openapi/shop.yaml": text})
    assert [f"{each.code} {each.location.line}" for each in generate(root).findings] == codes


def test_an_escaped_emoji_is_read(tmp_path: Path) -> None:
    root = read(CASES / "emoji-escape.json", tmp_path, Findings()).root
    info = root.get("info")
    assert info is not None
    assert info.text("description") == "emoji \U0001f600"


def test_a_message_inside_a_oneof_s_message_may_have_a_member_s_name(workspace: Write) -> None:
    text = (CASES / "nested-message-and-oneof.proto").read_text(encoding="utf-8")
    assert generate(workspace({"proto/acme/shop/v1/shop.proto": text})).findings == ()


def test_googles_annotations_are_told_to_go(workspace: Write) -> None:
    text = (CASES / "google-http.proto").read_text(encoding="utf-8")
    (finding,) = generate(workspace({"proto/acme/shop/v1/shop.proto": text})).findings
    assert "openapi/<domain>.yaml" in finding.fix
