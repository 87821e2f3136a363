"""JSON may be nested 100 levels deep, and no character of a string counts."""

from __future__ import annotations

import pytest
from aether_adapters.kernel.errors import Malformed
from aether_adapters.rest.body_reader import parse_json

FULL = b"[" * 100 + b"]" * 100


@pytest.mark.parametrize(
    "body",
    [
        FULL,
        b"[%s]" % b",".join([b"[]"] * 1000),
        b'["%s"]' % (b"[" * 200),
        b'["\\"%s\\\\"]' % (b"{[" * 200),
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'[%s,"]"]' % b",".join([b'{"a":[{}]}'] * 100),
    ],
)
def test_a_hundred_levels_are_read(body: bytes) -> None:
    parse_json(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"[" + FULL + b"]", "/0" * 50),
        (b'{"a/b":[0,"]",' + FULL + b"]}", "/a~1b/2" + "/0" * 46),
        (b'["]]]]]]]]","\\"]]]]",' + FULL + b"]", "/2" + "/0" * 49),
        (b'{"%s":%s}' % (b"x" * 5000, FULL), ""),
        (b'{"a":%s,"a":1}' % FULL, ""),
        (b"[%s,%s]" % (b",".join([b"{}"] * 20_000), FULL), ""),
    ],
)
def test_a_level_more_is_refused_with_a_short_pointer(body: bytes, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_json(body)
    assert (refused.value.pointer, refused.value.reason) == (pointer, "is nested deeper than 100 levels")
