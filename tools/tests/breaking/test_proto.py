"""Comparison of proto trees: what buf finds, once for each cause and at the element's own line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from aether_tools.breaking.buf import Tree
from aether_tools.breaking.proto import compare_trees
from aether_tools.breaking.proto_rules import EVENTS, UNKNOWN, reason_and_fix
from aether_tools.commands.explain import explain
from aether_tools.console import UsageError
from aether_tools.finding import ContractError, Finding, Location, Severity

HEAD = 'syntax = "proto3";\n\npackage acme.billing.v1;\n\n'
ORDER = """\
message Order {
  int64 id = 1;
  string buyer = 2;
}
"""


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Tree, Tree]:
    return Tree(tmp_path / "old", "old"), Tree(tmp_path / "new", "new")


def write(tree: Tree, path: str, body: str, head: str = HEAD) -> None:
    file = tree.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(head + body, encoding="utf-8")


def told(found: tuple[Finding, ...]) -> list[tuple[str, str, Location, str]]:
    return [(each.severity.value, each.code, each.location, each.pointer) for each in found]


def test_a_changed_type_is_told_at_the_new_line(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "billing.proto", ORDER)
    write(new, "billing.proto", ORDER.replace("int64", "int32"))
    found = compare_trees(old, new)
    assert told(found) == [
        ("breaking", "buf-field-same-type", Location("new/billing.proto", 6, 3), "acme.billing.v1.Order.id")
    ]
    assert found[0].reason == (
        'Field "1" with name "id" on message "Order" changed type from "int64" to "int32". '
        "Old clients read the bytes as the old type."
    )


def test_what_vanished_is_told_at_its_old_line(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    service = "service Bills {\n  rpc Pay(Order) returns (Order);\n  rpc Void(Order) returns (Order);\n}\n"
    status = "enum Status {\n  STATUS_UNSPECIFIED = 0;\n  STATUS_PAID = 1;\n}\n"
    write(old, "billing.proto", ORDER + service + status + "message Gone {\n  message Part {}\n}\n")
    write(
        new,
        "billing.proto",
        ORDER.replace("  string buyer = 2;\n", "")
        + service.replace("  rpc Void(Order) returns (Order);\n", "")
        + status.replace("  STATUS_PAID = 1;\n", ""),
    )
    assert told(compare_trees(old, new)) == [
        (
            "breaking",
            "buf-field-no-delete",
            Location("old/billing.proto", 7, 10),
            "acme.billing.v1.Order.buyer",
        ),
        ("breaking", "buf-rpc-no-delete", Location("old/billing.proto", 11, 7), "acme.billing.v1.Bills.Void"),
        (
            "breaking",
            "buf-enum-value-no-delete",
            Location("old/billing.proto", 15, 3),
            "acme.billing.v1.Status.STATUS_PAID",
        ),
        (
            "breaking",
            "buf-package-message-no-delete",
            Location("old/billing.proto", 17, 9),
            "acme.billing.v1.Gone",
        ),
    ]


def test_a_message_that_moves_to_another_file_is_risky(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "billing.proto", ORDER + "message Stays {}\n")
    write(new, "billing.proto", "message Stays {}\n")
    write(new, "orders.proto", ORDER)
    assert told(compare_trees(old, new)) == [
        ("risky", "buf-message-no-delete", Location("old/billing.proto", 5, 9), "acme.billing.v1.Order")
    ]


def test_a_package_that_is_gone_is_one_finding(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "a/billing.proto", ORDER + "message Other {}\n")
    write(old, "b/user.proto", "message User {}\n", 'syntax = "proto3";\npackage acme.user.v1;\n')
    write(new, "b/user.proto", "message User {}\n", 'syntax = "proto3";\npackage acme.user.v1;\n')
    assert told(compare_trees(old, new)) == [
        ("breaking", "buf-package-no-delete", Location("old/a/billing.proto", 1, 1), "acme.billing.v1")
    ]


def test_events_have_codes_of_their_own(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    for tree in trees:
        write(tree, "billing.proto", ORDER)
    write(old, "events.proto", "message Billed {\n  int64 id = 1;\n}\nmessage Voided {}\n")
    write(new, "events.proto", "message Billed {\n  string id = 1;\n}\nmessage Added {}\n")
    assert told(compare_trees(old, new)) == [
        ("breaking", "event-changed", Location("new/events.proto", 6, 3), "acme.billing.v1.Billed.id"),
        ("breaking", "event-removed", Location("old/events.proto", 8, 9), "acme.billing.v1.Voided"),
    ]


def test_an_event_that_moves_out_of_its_file_is_gone(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "events.proto", ORDER)
    write(new, "billing.proto", ORDER)
    write(new, "events.proto", "message Added {}\n")
    assert told(compare_trees(old, new)) == [
        ("breaking", "event-removed", Location("old/events.proto", 5, 9), "acme.billing.v1.Order")
    ]


def test_new_elements_break_nothing(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "billing.proto", ORDER)
    write(new, "billing.proto", ORDER.replace("}", "  string note = 3;\n}") + "message Added {}\n")
    assert compare_trees(old, new) == ()


def test_the_trees_own_buf_yaml_chooses_the_rules(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "billing.proto", ORDER + "message Gone {}\n")
    write(new, "billing.proto", ORDER.replace("buyer", "owner"))
    for tree in trees:
        (tree.folder / "buf.yaml").write_text("version: v2\nbreaking: {use: [WIRE]}\n", encoding="utf-8")
    assert compare_trees(old, new) == ()


def test_plugins_of_a_buf_yaml_never_run(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "billing.proto", ORDER)
    write(new, "billing.proto", ORDER.replace("int64", "int32"))
    plugin = "version: v2\nplugins: [{plugin: /bin/false}]\nbreaking: {use: [FIELD_SAME_TYPE]}\n"
    for tree in trees:
        (tree.folder / "buf.yaml").write_text(plugin, encoding="utf-8")
    assert [each.code for each in compare_trees(old, new)] == ["buf-field-same-type"]


def test_a_tree_that_does_not_compile_is_refused_with_its_line(trees: tuple[Tree, Tree]) -> None:
    old, new = trees
    write(old, "billing.proto", ORDER)
    write(new, "billing.proto", 'import "gone.proto";\n' + ORDER)
    with pytest.raises(ContractError) as refused:
        compare_trees(old, new)
    assert [(each.code, each.location) for each in refused.value.findings] == [
        ("proto-syntax", Location("new/billing.proto", 5, 1))
    ]
    with pytest.raises((ContractError, UsageError), match=r"gone\.proto|imported file does not exist"):
        compare_trees(new, old)


def test_without_buf_it_says_what_to_install(
    trees: tuple[Tree, Tree], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tree in trees:
        write(tree, "billing.proto", ORDER)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="buf is not installed"):
        compare_trees(*trees)


def test_every_breaking_rule_of_buf_has_a_reason_and_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    program = Path(sys.executable).with_name("buf")
    listed = subprocess.run(
        [program, "config", "ls-breaking-rules", "--version", "v2"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rules = [line.split()[0] for line in listed.splitlines()[1:]]
    assert len(rules) > 60
    for rule in rules:
        why, fix = reason_and_fix("", rule)
        assert (why, fix) != UNKNOWN, rule
        assert explain(f"buf-{rule.lower().replace('_', '-')}") == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert rule in shown and why in shown and fix in shown


@pytest.mark.parametrize("code", sorted(EVENTS))
def test_the_codes_of_events_are_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(code) == 0
    assert EVENTS[code][0] in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("code", ["buf-field-no-deletion", "buf-", "event-gone"])
def test_a_code_that_buf_does_not_have_is_refused(code: str) -> None:
    with pytest.raises(UsageError, match=f"no explanation of {code}"):
        explain(code)


def test_severities_are_those_of_changes() -> None:
    assert [each for each in Severity if each.fails] == [Severity.ERROR, Severity.BREAKING]
