"""E23, contracts: whatever a file holds, `aether generate` ends soon with findings that name file, line and fix.

Seen on the parent of this test's commit: 50,000 open brackets killed the process (SIGSEGV), an inline schema 250 deep
and a byte that is not UTF-8 in a proto comment were "a bug in aether"; eight lines of aliases and a chain of 1,500
messages had not ended after 20 s, and a named pipe never did.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

AETHER = Path(sys.executable).with_name("aether")
ACME = Path(__file__).parents[2] / "tools/tests/compiler/fixtures/acme"
REST = "openapi/billing.yaml"
PROTO = "proto/acme/billing/v1/billing.proto"
PATIENCE_SECONDS = 60
"""For a command that takes below a second, on a machine that is busy with other tests."""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("gen", ".aether")
    return Path(shutil.copytree(ACME, tmp_path / "acme", ignore=ignored))


def refused(workspace: Path, file: str, code: str) -> list[str]:
    """Run `aether generate`; it must find `code` in `file`. Return the findings."""
    ran = subprocess.run(
        [AETHER, "generate"],
        cwd=workspace,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    out, err = ran.stdout.decode(), ran.stderr.decode()
    assert (ran.returncode, err) == (1, ""), out + err
    lines = out.split("\n")
    assert all(line.isprintable() for line in lines)
    found = [line for line in lines if line.startswith(file) and f": {code} " in line]
    assert found, out
    assert all(lines[lines.index(line) + 1].startswith("  fix: ") for line in found)
    return found


def schema(text: str) -> Callable[[str], str]:
    """Add a schema to the contract."""
    return lambda contract: contract.replace("  schemas:\n", f"  schemas:\n    Evil: {text}\n", 1)


def after(text: str) -> Callable[[str], str]:
    """Add text at the end of the contract."""
    return lambda contract: f"{contract}\n{text}\n"


def nested(levels: int) -> str:
    return "{type: object, properties: {a: " * levels + "{type: string}" + "}}" * levels


def bomb(levels: int) -> str:
    return "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"x-{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, levels)
    )


def chain(form: str, links: int) -> Callable[[str], str]:
    """Add schemas, each of which refers to the next."""
    schemas = "".join(f"    C{link}: {form.replace('NEXT', f'C{link + 1}')}\n" for link in range(links))
    return lambda contract: contract.replace(
        "  schemas:\n", f"  schemas:\n{schemas}    C{links}: {{type: string}}\n", 1
    )


REST_FAULTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "a bomb of aliases": ("openapi-yaml-alias", after(bomb(8))),
    "an alias of itself": ("openapi-yaml-alias", after("x-a: &a [*a]")),
    "an alias of nothing": ("openapi-yaml-alias", after("x-a: *b")),
    "an anchor twice": ("openapi-yaml-alias", after("x-a: &a 1\nx-b: &a 2")),
    "a merge key": ("openapi-yaml-merge", after("x-a: &a {b: 1}\nx-b: {<<: *a}")),
    "a merge key of itself": ("openapi-yaml-merge", after("x-a: &a\n  <<: *a")),
    "a schema 250 deep": ("openapi-yaml-depth", schema(nested(250))),
    "50,000 open brackets": ("openapi-yaml-depth", after(f"x-a: {'[' * 50_000}")),
    "50,000 dashes": ("openapi-yaml-depth", after(f"x-a:\n {'- ' * 50_000}")),
    "a number of 5,000 digits": ("openapi-yaml-number", after(f"x-a: {'9' * 5_000}")),
    "a number beyond 64 bits": ("openapi-yaml-number", after(f"x-a: {2**65}")),
    "infinity": ("openapi-yaml-number", schema("{type: number, default: .inf}")),
    "no number": ("openapi-yaml-number", schema("{type: number, maximum: .nan}")),
    "a tag for Python": ("openapi-yaml-tag", after("x-a: !!python/object/apply:os.getcwd []")),
    "a set": ("openapi-yaml-tag", after("x-a: !!set {a, b}")),
    "bytes": ("openapi-yaml-tag", after("x-a: !!binary aGVsbG8=")),
    "a key twice": ("openapi-duplicate-key", after("info: {title: y, version: '2'}")),
    "a list as key": ("openapi-yaml-key", after("? [a, b]\n: 1")),
    "a second document": ("openapi-yaml", after("---\nopenapi: 3.0.3")),
    "half of a surrogate pair": ("openapi-yaml", after('x-a: "\\ud83d"')),
    "an invisible control character": ("openapi-yaml", after('x-a: "\x9f"')),
    "a NUL": ("openapi-yaml", after("x-a: \x00")),
    "a $ref to the network": ("openapi-external-ref", schema("{$ref: 'http://127.0.0.1:9/evil.yaml'}")),
    "a $ref to a file": ("openapi-external-ref", schema("{$ref: '../../../etc/passwd#/a'}")),
    "a $ref to itself": ("openapi-ref-cycle", schema("{$ref: '#/components/schemas/Evil'}")),
    "a pattern beyond measure": (
        "openapi-pattern",
        schema('{type: string, pattern: "((a{1000}){1000}){1000}"}'),
    ),
}


QUICK = ("a bomb of aliases", "a schema 250 deep", "50,000 open brackets", "a tag for Python", "a NUL")


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=() if fault in QUICK else pytest.mark.prove) for fault in REST_FAULTS],
)
def test_a_hostile_rest_contract_is_refused_with_its_line(workspace: Path, fault: str) -> None:
    code, change = REST_FAULTS[fault]
    contract = workspace / REST
    contract.write_text(change(contract.read_text(encoding="utf-8")), encoding="utf-8")
    found = refused(workspace, REST, code)
    assert all(int(line.split(":")[1]) > 200 for line in found), "the line is where the fault was put"


@pytest.mark.prove
@pytest.mark.parametrize(
    "form", ["{$ref: '#/components/schemas/NEXT'}", "{allOf: [{$ref: '#/components/schemas/NEXT'}]}"]
)
def test_a_long_chain_of_references_is_no_fault(workspace: Path, form: str) -> None:
    contract = workspace / REST
    contract.write_text(chain(form, 2_000)(contract.read_text(encoding="utf-8")), encoding="utf-8")
    done = subprocess.run(
        [AETHER, "generate"], cwd=workspace, capture_output=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@pytest.mark.prove
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfeo\x00p\x00", "contract-encoding"),
        ("openapi: 3.0.3".encode("utf-16"), "contract-encoding"),
        ("openapi: 3.0.3\ninfo: {title: Grüße}".encode("latin-1"), "contract-encoding"),
        (b"x: " + b"a" * 17_000_000, "contract-size"),
        (b"x:\n" + b" - a\n" * 400_000, "openapi-yaml-size"),
        (b"", "openapi-yaml"),
        (b"[]", "openapi-yaml"),
    ],
    ids=["half of UTF-16", "UTF-16", "Latin-1", "17 MB", "400,000 values", "nothing", "a list"],
)
def test_a_file_that_holds_no_contract_is_refused(workspace: Path, content: bytes, code: str) -> None:
    (workspace / REST).write_bytes(content)
    refused(workspace, REST, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"// \xff\n", "contract-encoding"),
        ("// Grüße\n".encode("latin-1"), "contract-encoding"),
        (b"// \x00\n", "proto-syntax"),
        pytest.param(b'import "../../../../etc/passwd";\n', "proto-syntax", marks=pytest.mark.prove),
        pytest.param(b"// " + b"x" * 3_000_000, "contract-size", marks=pytest.mark.prove),
        pytest.param(b"message Invoice { int64 again = 1; }\n", "proto-syntax", marks=pytest.mark.prove),
        pytest.param(b"message A { " * 200 + b"}" * 200, "proto-syntax", marks=pytest.mark.prove),
    ],
    ids=["a lone byte", "Latin-1", "a NUL", "an import out of proto/", "3 MB", "a message twice", "200 deep"],
)
def test_a_hostile_proto_contract_is_refused(workspace: Path, content: bytes, code: str) -> None:
    contract = workspace / PROTO
    contract.write_bytes(contract.read_bytes() + content)
    refused(workspace, PROTO, code)


@pytest.mark.prove
def test_messages_may_be_many_and_chained(workspace: Path) -> None:
    """Searching every chain for a message that requires itself took minutes."""
    contract = workspace / PROTO
    messages = (
        "".join(f"message M{n} {{ M{n + 1} m = 1; }}\n" for n in range(1_500))
        + "message M1500 { int64 a = 1; }\n"
    )
    contract.write_text(contract.read_text(encoding="utf-8") + messages, encoding="utf-8")
    done = subprocess.run(
        [AETHER, "generate"], cwd=workspace, capture_output=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@pytest.mark.prove
def test_a_loop_of_links_is_refused(workspace: Path) -> None:
    (workspace / "openapi/loop.yaml").symlink_to("loop.yaml")
    (workspace / "openapi/around").symlink_to(".")
    refused(workspace, "openapi/loop.yaml", "openapi-without-proto")
    (workspace / REST).unlink()
    (workspace / REST).symlink_to("billing.yaml")
    refused(workspace, REST, "contract-unreadable")
    (workspace / "openapi/common.yaml").symlink_to("common.yaml")
    refused(workspace, "openapi/common.yaml", "contract-unreadable")


@pytest.mark.parametrize("file", [REST, PROTO])
def test_a_link_out_of_the_workspace_is_refused_and_not_shown(
    workspace: Path, tmp_path: Path, file: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password: hunter2\n")
    (workspace / file).unlink()
    (workspace / file).symlink_to(secret)
    assert not any("hunter2" in line for line in refused(workspace, file, "contract-link"))


@pytest.mark.parametrize("file", [REST, PROTO])
def test_a_named_pipe_is_refused(workspace: Path, file: str) -> None:
    (workspace / file).unlink()
    os.mkfifo(workspace / file)
    refused(workspace, file, "contract-unreadable")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read anything")
def test_a_file_without_permission_is_refused(workspace: Path) -> None:
    (workspace / REST).chmod(0)
    refused(workspace, REST, "contract-unreadable")


@pytest.mark.prove
@pytest.mark.parametrize(
    "name", [b"a\nb.yaml", b"\x1b[2J.yaml", b"\xff.yaml", b"-rf.yaml", b"a b.yaml", b"$(x).yaml"]
)
def test_a_file_of_any_name_is_refused_in_one_line(workspace: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(workspace) + b"/openapi/" + name)).write_text("openapi: 3.0.3\n")
    found = refused(workspace, "openapi/", "openapi-without-proto")
    assert len(found) == 1


def test_a_json_contract_is_not_passed_over(workspace: Path) -> None:
    (workspace / REST).rename(workspace / "openapi/billing.json")
    refused(workspace, "openapi/billing.json", "openapi-name")
