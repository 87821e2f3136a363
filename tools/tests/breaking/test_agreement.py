"""Agreement with others: buf's own test data, and what oasdiff says about its own and openapi-diff's pairs.

None of their files is in this repository. Name a checkout of each, and the program, to run it:
AETHER_TEST_BUF (https://github.com/bufbuild/buf, Apache-2.0),
AETHER_TEST_OASDIFF (https://github.com/oasdiff/oasdiff, Apache-2.0; the program too, as `oasdiff` on the PATH),
AETHER_TEST_OPENAPI_DIFF (https://github.com/OpenAPITools/openapi-diff, Apache-2.0).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from aether_tools.breaking.buf import Tree
from aether_tools.breaking.library import Library
from aether_tools.breaking.openapi import compare_documents
from aether_tools.breaking.proto import compare_trees
from aether_tools.finding import Finding

from .conftest import TODAY

pytestmark = pytest.mark.prove

_ANNOTATION = re.compile(r"NewFileAnnotation(NoLocation)?(OrPath)?\(t,([^)]*)\)")
_ONE_CAUSE = {"TestRunBreakingPackageNoDelete": Counter({"ENUM_NO_DELETE": 2})}
"""What buf says of an enum inside a message that is gone too; ours tells of the message alone."""
_OTHER_RULES = {"TestRunBreakingWithCustomPlugins"}
"""Rules of a plugin, which is a program that we do not run."""


def checkout(variable: str) -> Path:
    """Return the folder that a variable names. Skip the test without one."""
    name = os.environ.get(variable)
    if not name:
        pytest.skip(f"{variable} names no checkout")
    return Path(name)


def test_every_annotation_of_bufs_own_tests_is_found_at_its_place() -> None:
    folder = checkout("AETHER_TEST_BUF") / "private/bufpkg/bufcheck"
    tests = re.findall(
        r"func (Test\w+)\(t \*testing.T\) \{(.*?)\n\}\n", (folder / "breaking_test.go").read_text(), re.DOTALL
    )
    compared = annotations = 0
    for name, body in tests:
        call = re.search(r'testBreaking\w*\(\s*t,\s*"(\w+)",(.*)', body, re.DOTALL)
        if call is None or name in _OTHER_RULES:
            continue
        expected: Counter[str] = Counter()
        places = set()
        for _, no_path, text in _ANNOTATION.findall(call[2]):
            path, *numbers, rule = (
                part.strip().strip('"')
                for part in f"{'-,' if no_path else ''}{text}".split(",")
                if part.strip()
            )
            expected[rule.removeprefix("PACKAGE_")] += 1
            if len(numbers) == 4:
                places.add((path, int(numbers[0]), int(numbers[1]), rule))
        data = folder / "testdata/breaking"
        new = Tree(data / "current" / call[1], "")
        found = compare_trees(Tree(data / "previous" / call[1], "old"), new)
        assert Counter(map(rule_of, found)) + _ONE_CAUSE.get(name, Counter()) == expected, name
        for path, line, column, rule in places:
            if "Previously present" not in text_of(found, rule):  # those are told at their old place
                here = [each.location for each in found if each.location.file.endswith(path)]
                assert (line, column) in {(each.line, each.column) for each in here}, (name, path, line, rule)
        compared += 1
        annotations += expected.total()
    assert (compared, annotations) >= (50, 700)


def rule_of(change: Finding) -> str:
    """Return buf's rule of a change, without the scope that it was found in."""
    return change.code.removeprefix("buf-").removeprefix("package-").upper().replace("-", "_")


def text_of(found: tuple[Finding, ...], rule: str) -> str:
    """Return what is said of a rule."""
    return " ".join(each.reason for each in found if rule_of(each) == rule.removeprefix("PACKAGE_"))


LESS = {
    "in answers a looser limit is risky": r"response-.*(min|max|contains|dependent|-if-|-then-|-else-|pattern-property|property-names|unevaluated|schema).*",
    "schemas with the same properties are the same, whatever they are called or put together from":
        r"(request|response)-(body|property)-(all|any|one)-of-(added|removed)|request-body-wrapped-in-one-of",
    "the property is required in another schema of the same allOf": r"response-required-property-removed",
    "inside not, if, then, else, contains and dependentRequired a change is told and not judged":
        r"new-required-request-property|request-property-max-length-decreased|request-property-const-changed|(request|response)-property-dependent-required-changed",
    "who has all credentials still has enough when one is not asked for": r"api-security-removed",
    "x-extensible-enum is no word of OpenAPI": r".*x-extensible-enum.*",
    "a value of the old enum is one of the wider choice": r"request-property-enum-value-removed",
}  # fmt: skip
"""Why something that breaks for oasdiff does not here; the words that it has for it."""
MORE = {
    "a property or header of an answer that is gone breaks, though it was optional": "api-response-property-removed api-header-removed",
    "a tighter limit of what clients send breaks, on a parameter of a path item and on the number of properties too":
        "api-request-limit-tightened",
    "an operation needs a sunset, deprecation alone does not let it go": "api-operation-removed",
    "another style or explode is another text": "api-parameter-style",
    "another property tells alternatives apart": "api-discriminator-changed",
    "unevaluatedProperties: false refuses": "api-request-additional-refused",
    "several values are not one; a type in XML counts as in JSON; elements get a schema": "api-request-type-changed api-response-type-changed",
    "another pattern may refuse what was right": "api-request-pattern-changed",
}  # fmt: skip
"""Why something breaks here that does not for oasdiff; the codes."""


def pairs() -> Iterator[tuple[Path, Path]]:
    """Yield the documents that are there to be compared, each pair both ways."""
    checker = checkout("AETHER_TEST_OASDIFF") / "data/checker"
    resources = checkout("AETHER_TEST_OPENAPI_DIFF") / "core/src/test/resources"
    found = []
    for base in sorted(checker.glob("*base*")):
        for word in ("revision", "modified"):
            found.append((base, base.with_name(base.name.replace("base", word))))
    for first in sorted(resources.glob("*_1.yaml")):
        found.append((first, first.with_name(first.name.replace("_1.yaml", "_2.yaml"))))
    for base in sorted(resources.glob("bc_*base.yaml")):
        stem = base.name.removesuffix("base.yaml")
        found += [(base, other) for other in sorted(base.parent.glob(f"{stem}*")) if other != base]
    for old, new in found:
        if new.exists():
            yield from ((old, new), (new, old))


def oasdiff(old: Path, new: Path) -> set[str] | None:
    """Return what breaks for oasdiff. None if it cannot read a document."""
    done = subprocess.run(
        ["oasdiff", "changelog", old, new, "--format", "json"],
        env=os.environ | {"OASDIFF_NO_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    told = json.loads(done.stdout or "[]")
    changes = told["changes"] if isinstance(told, dict) else told
    return {change["id"] for change in changes if change["level"] == 3}


def test_each_difference_from_oasdiff_has_a_reason() -> None:
    if shutil.which("oasdiff") is None:
        pytest.skip("oasdiff is not on the PATH")
    same, different, unexplained = 0, 0, []
    for old, new in pairs():
        theirs = oasdiff(old, new)
        if theirs is None:
            continue
        found = compare_documents(
            old, new, old_library=Library(old.parent), new_library=Library(new.parent), today=TODAY
        )
        ours = {change.code for change in found if change.severity.fails}
        if bool(ours) == bool(theirs):
            same += 1
            continue
        different += 1
        reasons = [*LESS.values()] if theirs else [*MORE.values()]
        for word in theirs or ours:
            if not any(
                re.fullmatch(reason, word) if theirs else word in reason.split() for reason in reasons
            ):
                unexplained.append((old.name, new.name, word))
    assert unexplained == []
    assert (same, different) == (321, 67)
