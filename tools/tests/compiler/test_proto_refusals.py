"""Findings of proto contracts: each unsupported construct is reported with its location, code, reason and fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from aether_tools.compiler.pipeline import generate
from aether_tools.finding import Finding

COMMON = (Path(__file__).parent / "fixtures/acme/proto/acme/common/v1/common.proto").read_text(
    encoding="utf-8"
)
HEAD = """\
syntax = "proto3";
package acme.shop.v1;
import "acme/common/v1/common.proto";
import "aether_adapters/contract/options.proto";
import "google/protobuf/any.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/type.proto";
import "google/protobuf/timestamp.proto";
"""
LINES = HEAD.count("\n")
SHOP = "proto/acme/shop/v1/shop.proto"

Write = Callable[[Mapping[str, str]], Path]

ASK = "message Ask { acme.common.v1.Caller caller = 1; }\nmessage Tell { string text = 1; }\n"
SERVICES = 'option (aether_adapters.contract.services) = "%s";'
SERVICE_ONLY = "option (aether_adapters.contract.access) = ACCESS_SERVICE;"
PUBLIC = "{ option (aether_adapters.contract.access) = ACCESS_PUBLIC; }"

# The contract below HEAD and its expected findings: line below HEAD, column, code, part of the reason.
REFUSED = {
    "a streamed request": (
        ASK + "service Shop {\n  rpc Buy(stream Ask) returns (Tell);\n}",
        [(4, 7, "proto-streaming", "Buy streams")],
    ),
    "a streamed response": (
        ASK + "service Shop {\n  rpc Buy(Ask) returns (stream Tell);\n}",
        [(4, 7, "proto-streaming", "Buy streams")],
    ),
    "Any": (
        "message Box {\n  google.protobuf.Any content = 1;\n}",
        [(2, 3, "proto-any", "does not declare its content")],
    ),
    "an unsupported type of Google's": (
        "message Box {\n  repeated google.protobuf.Type types = 1;\n}",
        [(2, 12, "proto-unsupported-type", "google.protobuf.Type is not a supported field type")],
    ),
    "a well-known type as a request": (
        f"message Tell {{}}\nservice Shop {{\n  rpc Buy(google.protobuf.Timestamp) returns (Tell) {PUBLIC}\n}}",
        [(3, 7, "proto-unsupported-type", "google.protobuf.Timestamp cannot be a request or response")],
    ),
    "a method that does not declare who may call it": (
        "message Tell {}\nservice Shop {\n  rpc Buy(Tell) returns (Tell);\n}",
        [(3, 7, "proto-access", "Buy does not declare who may call it")],
    ),
    "a method with a caller and an access": (
        f"{ASK}service Shop {{\n  rpc Buy(Ask) returns (Tell) {PUBLIC}\n}}",
        [(4, 7, "proto-access", "Buy contradicts itself")],
    ),
    "an audited method without a caller": (
        "message Tell {}\nservice Shop {\n  rpc Buy(Tell) returns (Tell) {\n"
        "    option (aether_adapters.contract.access) = ACCESS_PUBLIC;\n"
        "    option (aether_adapters.contract.audit) = true;\n  }\n}",
        [(3, 7, "proto-audit", "its request has no Caller: nobody could be named")],
    ),
    "services of a public method": (
        f"message Tell {{}}\nservice Shop {{\n  rpc Buy(Tell) returns (Tell) {PUBLIC[:-1]} {SERVICES % 'acme-other'} }}\n}}",
        [(3, 7, "proto-services", "Buy is public, so its services 'acme-other' say nothing")],
    ),
    "a service that is no domain": (
        f"{ASK}service Shop {{\n  rpc Buy(Ask) returns (Tell) {{ {SERVICES % 'acme-shopp'} }}\n}}",
        [(4, 7, "proto-services", "The service 'acme-shopp' of Buy is no domain of this workspace")],
    ),
    "a service that is no name": (
        f"{ASK}service Shop {{\n  rpc Buy(Ask) returns (Tell) {{ {SERVICES % 'the shop'} }}\n}}",
        [(4, 7, "proto-services", "The service 'the shop' of Buy is no name of a service")],
    ),
    "a service that is named twice": (
        f"{ASK}service Shop {{\n  rpc Buy(Ask) returns (Tell) {{ {SERVICES % 'mail'} {SERVICES % 'mail'} }}\n}}",
        [(4, 7, "proto-services", "The service 'mail' of Buy is named twice")],
    ),
    "any service beside a named one": (
        f"{ASK}service Shop {{\n  rpc Buy(Ask) returns (Tell) {{ {SERVICES % 'mail'} {SERVICES % '*'} }}\n}}",
        [(4, 7, "proto-services", "The service '*' of Buy is every service")],
    ),
    "any service of a method for services": (
        f"message Tell {{}}\nservice Shop {{\n  rpc Buy(Tell) returns (Tell) {{ {SERVICE_ONLY} {SERVICES % '*'} }}\n}}",
        [(3, 7, "proto-services", "The service '*' of Buy is what no names mean here")],
    ),
    "an Empty request without an access": (
        "message Tell {}\nservice Shop {\n  rpc Buy(google.protobuf.Empty) returns (Tell);\n}",
        [(3, 7, "proto-access", "Buy does not declare who may call it")],
    ),
    "a Caller under another name": (
        "message Ask { acme.common.v1.Caller who = 1; }\nmessage Tell {}\n"
        "service Shop { rpc Buy(Ask) returns (Tell); }",
        [(1, 37, "proto-caller-name", "Ask.who holds a Caller, but the edges fill only")],
    ),
    "several callers": (
        "message Ask { repeated acme.common.v1.Caller caller = 1; }\nmessage Tell {}\n"
        "service Shop { rpc Buy(Ask) returns (Tell); }",
        [(1, 46, "proto-caller-name", "Ask.caller holds a Caller, but the edges fill only")],
    ),
    "an optional caller": (
        "message Ask { optional acme.common.v1.Caller caller = 1; }\nmessage Tell {}\n"
        "service Shop { rpc Buy(Ask) returns (Tell); }",
        [(1, 46, "proto-caller-name", "Ask.caller holds a Caller, but the edges fill only")],
    ),
    "a caller of another type": (
        f"message Ask {{ string caller = 1; }}\nmessage Tell {{}}\nservice Shop {{ rpc Buy(Ask) returns (Tell) {PUBLIC} }}",
        [(1, 22, "proto-caller-type", "Ask.caller must have the type acme.common.v1.Caller")],
    ),
    "a Caller in a response": (
        "message Ask { acme.common.v1.Caller caller = 1; }\nmessage Tell { acme.common.v1.Caller caller = 1; }\n"
        "service Shop { rpc Buy(Ask) returns (Tell); }",
        [(2, 38, "proto-caller-place", "Tell.caller holds a Caller, but Tell is not used only")],
    ),
    "a Caller deep in a request": (
        "message Deep { acme.common.v1.Caller caller = 1; }\n"
        "message Ask { acme.common.v1.Caller caller = 1; Deep deep = 2; }\n"
        "service Shop { rpc Buy(Ask) returns (google.protobuf.Empty); }",
        [(1, 38, "proto-caller-place", "Deep.caller holds a Caller, but Deep is not used only")],
    ),
    "a request that is also a response": (
        ASK + "service Shop { rpc Buy(Ask) returns (Ask); }",
        [(1, 37, "proto-caller-place", "Ask.caller holds a Caller, but Ask is not used only")],
    ),
    "a Caller as the response itself": (
        ASK + "service Shop {\n  rpc Buy(Ask) returns (acme.common.v1.Caller);\n}",
        [(4, 7, "proto-caller-place", "Buy takes or returns a Caller itself")],
    ),
    "a second service": (
        ASK + "service Shop { rpc Buy(Ask) returns (Tell); }\nservice Till {}",
        [(4, 1, "proto-two-services", "second service, Till")],
    ),
    "a message that requires itself": (
        "message Doll {\n  Doll inner = 1;\n}",
        [(2, 8, "proto-endless", "Doll -> Doll")],
    ),
    "messages that require each other": (
        "message Hen { Egg egg = 1; }\nmessage Egg { Hen hen = 1; }",
        [(1, 19, "proto-endless", "Hen -> Egg -> Hen"), (2, 19, "proto-endless", "Egg -> Hen -> Egg")],
    ),
    "two messages that get the same class": (
        "message Invoice { message Line {} }\nmessage InvoiceLine {}",
        [
            (
                2,
                1,
                "proto-name",
                "acme.shop.v1.InvoiceLine and acme.shop.v1.Invoice.Line get the same Python name, InvoiceLine",
            )
        ],
    ),
    "two messages that get the same codec": (
        "message HttpCall {}\nmessage HTTPCall {}",
        [(2, 1, "proto-name", "get the same Python name, http_call")],
    ),
    "a oneof member and a message that get the same class": (
        "message PayCard {}\nmessage Pay { oneof by { string card = 1; string cash = 2; } }",
        [
            (
                2,
                33,
                "proto-name",
                "the card of acme.shop.v1.Pay and acme.shop.v1.PayCard get the same Python name, PayCard",
            )
        ],
    ),
    "a message with the name of a shared one": (
        "message Caller {}\nmessage Ask { acme.common.v1.Caller caller = 1; }\n"
        "service Shop { rpc Buy(Ask) returns (Caller); }",
        [
            (
                1,
                1,
                "proto-name",
                "acme.shop.v1.Caller and acme.common.v1.Caller get the same Python name, Caller",
            )
        ],
    ),
    "a method with the name of a message": (
        ASK + "message Buy {}\nservice Shop {\n  rpc Buy(Ask) returns (Tell);\n}",
        [(5, 7, "proto-name", "the method Buy and acme.shop.v1.Buy get the same Python name, Buy")],
    ),
    "two methods that get the same attribute": (
        ASK + "service Shop {\n  rpc BuyIt(Ask) returns (Tell);\n  rpc Buy_it(Ask) returns (Tell);\n}",
        [(5, 7, "proto-name", "the method Buy_it and the method BuyIt get the same Python name, buy_it")],
    ),
    "a method with a reserved name": (
        ASK + "service Shop {\n  rpc Protocol(Ask) returns (Tell);\n}",
        [(4, 7, "proto-name", "Protocol is a reserved name in generated code")],
    ),
    "a field that is private in Python": (
        "message Box { string _secret = 1; }",
        [(1, 22, "proto-name", "begins with an underscore")],
    ),
    "an enum without values": (
        "enum Colour { COLOUR_UNSPECIFIED = 0; }",
        [(1, 1, "proto-empty-enum", "Colour has only the unspecified value")],
    ),
    "an enum with two names for one number": (
        "enum Colour {\n  option allow_alias = true;\n  COLOUR_UNSPECIFIED = 0;\n  COLOUR_GREY = 1;\n  COLOUR_GRAY = 1;\n}",
        [(1, 1, "proto-enum-alias", "COLOUR_GRAY and COLOUR_GREY share the number 1")],
    ),
    "a syntax error": (
        "message Box { string text = 1 }",
        [(1, 31, "proto-syntax", 'Expected ";"')],
    ),
    "an unknown type": (
        "message Box {\n  Lid lid = 1;\n}",
        [(2, 3, "proto-syntax", '"Lid" is not defined')],
    ),
}


def _domain(name: str) -> str:
    return f"shop{list(REFUSED).index(name)}"


def _write(name: str) -> dict[str, str]:
    domain = _domain(name)
    contract = (HEAD + REFUSED[name][0]).replace("acme.shop.v1", f"acme.{domain}.v1")
    return {f"proto/acme/{domain}/v1/{domain}.proto": contract}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    """Findings of all these contracts in one workspace, by file."""
    root = tmp_path_factory.mktemp("refused")
    files = {"pyproject.toml": '[tool.aether]\nname = "acme"\n', "proto/acme/common/v1/common.proto": COMMON}
    for name in REFUSED:
        files |= _write(name)
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    found: dict[str, list[Finding]] = {}
    for finding in generate(root).findings:
        found.setdefault(finding.location.file, []).append(finding)
    assert not (root / "proto/gen").exists()
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str, findings: dict[str, list[Finding]]) -> None:
    ((file, _),) = _write(name).items()
    _, expected = REFUSED[name]
    actual = findings[file]
    assert [(it.location.line - LINES, it.location.column, it.code) for it in actual] == [
        it[:3] for it in expected
    ]
    for finding, (_, _, _, reason) in zip(actual, expected, strict=True):
        assert reason.replace("acme.shop.v1", f"acme.{_domain(name)}.v1") in finding.reason
        assert finding.fix.endswith((".", ";"))


def _only(root: Path) -> tuple[str, str]:
    (finding,) = generate(root).findings
    return str(finding.location), finding.code


def test_reports_a_missing_import_once(workspace: Write) -> None:
    root = workspace({SHOP: 'syntax = "proto3";\npackage acme.shop.v1;\nimport "acme/none.proto";\n'})
    assert _only(root) == (f"{SHOP}:3:1", "proto-syntax")


def test_reports_a_broken_file_once_even_if_others_import_it(workspace: Write) -> None:
    head = 'syntax = "proto3";\npackage acme.shop.v1;\n'
    root = workspace(
        {
            "proto/acme/shop/v1/broken.proto": head + "message {}\n",
            SHOP: head + 'import "acme/shop/v1/broken.proto";\nmessage Box {}\n',
        }
    )
    assert _only(root) == ("proto/acme/shop/v1/broken.proto:3:9", "proto-syntax")


def test_refuses_proto2(workspace: Write) -> None:
    root = workspace(
        {SHOP: 'syntax = "proto2";\npackage acme.shop.v1;\nmessage Box { optional group Lid = 1 {} }\n'}
    )
    assert _only(root) == (f"{SHOP}:1:1", "proto-syntax-level")


def test_refuses_a_file_without_a_syntax_statement(workspace: Write) -> None:
    root = workspace({SHOP: "package acme.shop.v1;\nmessage Box {}\n"})
    assert _only(root) == (f"{SHOP}:1:1", "proto-syntax-level")


def test_refuses_editions(workspace: Write) -> None:
    root = workspace({SHOP: 'edition = "2023";\npackage acme.shop.v1;\nmessage Box {}\n'})
    assert _only(root) == (f"{SHOP}:1:1", "proto-syntax-level")


def test_refuses_a_package_that_does_not_match_its_path(workspace: Write) -> None:
    root = workspace({SHOP: 'syntax = "proto3";\npackage acme.ship.v1;\n'})
    assert _only(root) == (f"{SHOP}:2:1", "proto-package")


def test_refuses_a_contract_that_imports_another_domains_contract(workspace: Write) -> None:
    head = 'syntax = "proto3";\npackage acme.{}.v1;\n'
    root = workspace(
        {
            "proto/acme/trade/v1/trade.proto": head.format("trade") + "message Order {}\n",
            SHOP: head.format("shop")
            + 'import "acme/trade/v1/trade.proto";\nmessage Box { acme.trade.v1.Order order = 1; }\n',
        }
    )
    assert _only(root) == (f"{SHOP}:3:1", "proto-import")


def test_refuses_a_contract_that_imports_its_own_events(workspace: Write) -> None:
    head = 'syntax = "proto3";\npackage acme.shop.v1;\n'
    root = workspace(
        {
            "proto/acme/shop/v1/events.proto": head + "message Bought {}\n",
            SHOP: head + 'import "acme/shop/v1/events.proto";\nmessage Box { Bought bought = 1; }\n',
        }
    )
    assert _only(root) == (f"{SHOP}:3:1", "proto-import")


@pytest.mark.parametrize(
    "path",
    [
        "proto/shop.proto",
        "proto/other/shop/v1/shop.proto",
        "proto/acme/shop/v2/shop.proto",
        "proto/acme/Shop/v1/shop.proto",
        "proto/acme/import/v1/shop.proto",
        "proto/acme/tools/v1/tools.proto",
        "proto/acme/shop/v1/my-shop.proto",
    ],
)
def test_refuses_a_contract_with_an_invalid_path(path: str, workspace: Write) -> None:
    root = workspace({path: 'syntax = "proto3";\n'})
    assert _only(root) == (path, "proto-path")


@pytest.mark.parametrize("file", ["proto/acme/shop/v1/events.proto", "proto/acme/common/v1/common.proto"])
def test_refuses_a_service_in_events_or_in_the_shared_package(file: str, workspace: Write) -> None:
    package = file.removeprefix("proto/").rpartition("/")[0].replace("/", ".")
    root = workspace({file: f'syntax = "proto3";\npackage {package};\nservice Shop {{}}\n'})
    assert _only(root) == (f"{file}:3:1", "proto-service-place")


def test_refuses_a_shared_caller_with_other_fields(workspace: Write) -> None:
    file = "proto/acme/common/v1/common.proto"
    root = workspace(
        {file: 'syntax = "proto3";\npackage acme.common.v1;\nmessage Caller { string name = 1; }\n'}
    )
    assert _only(root) == (f"{file}:3:1", "proto-caller-shape")


def test_refuses_a_rest_contract_without_a_proto_contract(workspace: Write) -> None:
    root = workspace({"openapi/shop.yaml": "openapi: 3.0.3\n"})
    assert _only(root) == ("openapi/shop.yaml:1:1", "openapi-without-proto")


def test_refuses_a_rest_contract_with_another_suffix(workspace: Write) -> None:
    root = workspace({"openapi/shop.yml": "openapi: 3.0.3\n"})
    assert _only(root) == ("openapi/shop.yml:1:1", "openapi-name")


def test_collects_the_findings_of_every_contract(workspace: Write) -> None:
    head = 'syntax = "proto3";\npackage acme.{}.v1;\n'
    root = workspace(
        {
            "proto/acme/a/v1/a.proto": head.format("a") + "message {}\n",
            "proto/acme/b/v1/b.proto": head.format("b") + "message Doll { Doll inner = 1; }\n",
            "proto/acme/c/v1/c.proto": head.format("wrong"),
            "openapi/d.yaml": "openapi: 3.0.3\n",
        }
    )
    assert [(finding.location.file, finding.code) for finding in generate(root).findings] == [
        ("openapi/d.yaml", "openapi-without-proto"),
        ("proto/acme/a/v1/a.proto", "proto-syntax"),
        ("proto/acme/b/v1/b.proto", "proto-endless"),
        ("proto/acme/c/v1/c.proto", "proto-package"),
    ]


def test_allows_recursion_with_finite_values(workspace: Write) -> None:
    fields = "repeated Tree many = 1; optional Tree one = 2; map<string, Tree> named = 3; oneof way { Tree other = 4; }"
    root = workspace({SHOP: f'syntax = "proto3";\npackage acme.shop.v1;\nmessage Tree {{ {fields} }}\n'})
    assert generate(root).findings == ()
