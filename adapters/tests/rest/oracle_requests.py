"""Requests for the oracle test: valid ones, and valid ones with one fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class Request:
    """One request; `path` and `query` as in the request line. `broken` names the fault."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    broken: str = ""

    @property
    def query_string(self) -> bytes:
        return urlencode(self.query).encode("ascii")


GOOD_STRINGS = ("a", "Paper", "x" * 20, "ünï ☃", "a:b", 'quo"te', "1", "true", "null", "a,b")
ANY_JSON: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 5, 6, 1.5, 2**31, 2**63, 2**64, 10**30, 1e300, "", "a", "x" * 40, "OPEN", "BIG",
    "2026-01-02T03:04:05Z", [], ["a"], [1, 1], {}, {"a": 1}, {"w": 1}, {"w": "x"},
)  # fmt: skip
ANY_TEXT = (
    "", "0", "1", "20", "100", "101", "-1", "+1", "01", "1.0", "1e2", "0x1", " 1", "1 ", "0.5", "1.5", "1.6", "nan",
    "inf", "true", "false", "True", "yes", "OPEN", "open", "a", "a,b", "1,2", "1,10", ",", "2026-01-02T03:04:05Z",
    "2026-13-02T03:04:05Z", "x" * 50, "ünï", "%", "a b", "null",
)  # fmt: skip


def requests(seed: int) -> Iterator[Request]:
    """Yield an endless, reproducible stream of which about a third is valid."""
    random = Random(seed)
    while True:
        request = random.choice((_get, _put, _put, _part))(random)
        if random.random() < 0.35:
            yield request
        else:
            yield random.choice(BREAKS)(random, request)


def _identifier(random: Random) -> str:
    return random.choice(("a", "thing1", "0", "abcdefghijkl"))


def _headers(**more: str) -> dict[str, str]:
    return {"authorization": "Bearer ann", **more}


def _json(value: Any, random: Random) -> bytes:
    separators = random.choice(((",", ":"), (", ", ": "), (" ,", " :")))
    return json.dumps(value, separators=separators, ensure_ascii=random.random() < 0.5).encode()


def _get(random: Random) -> Request:
    query: list[tuple[str, str]] = []
    for name, values in (
        ("size", ("1", "20", "100")),
        ("ratio", ("0.5", "1.5", "1")),
        ("deep", ("true", "false")),
        ("status", ("OPEN", "CLOSED")),
        ("code", ("1", "1,2,9", "0")),
        ("since", ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456+01:00")),
    ):
        if random.random() < 0.4:
            query.append((name, random.choice(values)))
    if random.random() < 0.4:
        query.extend(("tag", random.choice(GOOD_STRINGS)) for _ in range(random.randint(1, 3)))
    headers = _headers(**({"x-level": random.choice("135")} if random.random() < 0.05 else {}))
    random.shuffle(query)
    return Request("GET", f"/v1/things/{_identifier(random)}", tuple(query), headers)


def _one_part(random: Random) -> dict[str, Any]:
    part: dict[str, Any] = {"name": random.choice(("A", "Bolt", "Z" * 20, "Nüt"))}
    if random.random() < 0.5:
        part["weight"] = random.choice((None, 0, 1, 2.5))
    if random.random() < 0.5:
        part["status"] = random.choice(("OPEN", "CLOSED"))
    return part


def _put(random: Random) -> Request:
    thing: dict[str, Any] = {
        "title": random.choice(GOOD_STRINGS),
        "parts": [_one_part(random) for _ in range(random.randint(1, 4))],
    }
    for name, values in (
        ("count", (-5, 0, 4)),
        ("note", (None, "", "later")),
        ("kind", (None, "BIG", "SMALL")),
        ("labels", ({}, {"a": "b"}, {"ünï": "x", "a/b": "~"})),
        ("unique", ([], [1, 2], [2**40])),
        ("size", (1, {"w": 1})),
        ("both", ({"a": 1}, {"a": 1, "b": True, "c": None})),
        ("extra", (1, None, [1])),
    ):
        if random.random() < 0.3:
            thing[name] = random.choice(values)
    query = (("dry", random.choice(("true", "false"))),)
    headers = _headers(**{"content-type": "application/json"})
    return Request("PUT", f"/v1/things/{_identifier(random)}", query, headers, _json(thing, random))


def _part(random: Random) -> Request:
    path = f"/v1/things/{_identifier(random)}/parts/{random.choice((0, 7, 50))}"
    body = _json(_one_part(random), random) if random.random() < 0.9 else None
    headers = _headers(**({"content-type": "application/json"} if body else {}))
    return Request("POST", path, (), headers, body)


def _break_value(random: Random, request: Request) -> Request:
    """Replace a value in the body: wrong type, out of bounds, or valid by chance."""
    if request.body is None:
        return _break_query(random, request)
    body = json.loads(request.body)
    holder, key = random.choice(list(_entries(body)))
    holder[key] = random.choice(ANY_JSON)
    return replace(request, body=_json(body, random), broken="value")


def _break_name(random: Random, request: Request) -> Request:
    """Remove or add a name in the body."""
    if request.body is None:
        return _break_query(random, request)
    body = json.loads(request.body)
    holders = [each for each in (body, *(holder for holder, _ in _entries(body))) if isinstance(each, dict)]
    holder = random.choice(holders)
    if holder and random.random() < 0.5:
        del holder[random.choice(list(holder))]
    else:
        holder[random.choice(("more", "", "Title"))] = 1
    return replace(request, body=_json(body, random), broken="name")


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _entries(inner)


def _break_bytes(random: Random, request: Request) -> Request:
    """Replace the body with invalid JSON, or JSON with a repeated name or of the wrong shape."""
    body = request.body or b"{}"
    at = random.randrange(len(body))
    kind, broken = random.choice(
        (
            ("cut", body[:at]),
            ("not utf-8", body[:at] + b"\xff" + body[at:]),
            ("empty", b""),
            ("garbage", b"{" + body),
            ("garbage", body + b"}"),
            ("nan", b'{"title":NaN}'),
            ("repeated name", b'{"name":"A","name":"B"}'),
            ("surrogate", b'{"name":"A\\ud800"}'),
            ("whole", b'"text"'),
            ("whole", b"[]"),
            ("whole", b"null"),
            ("bom", b"\xef\xbb\xbf" + body),
        )
    )
    headers = {**request.headers, "content-type": "application/json"}
    return replace(request, body=broken, headers=headers, broken=kind)


def _break_media(random: Random, request: Request) -> Request:
    """Change or remove the media type."""
    media = random.choice(
        (
            "text/plain",
            "application/xml",
            "application/json; charset=utf-8",
            "application/x-www-form-urlencoded",
            "",
        )
    )
    headers = {name: value for name, value in request.headers.items() if name != "content-type"}
    if media:
        headers["content-type"] = media
    return replace(request, headers=headers, broken=f"media {media}")


def _break_query(random: Random, request: Request) -> Request:
    """Change, add, repeat or remove a query parameter."""
    query = list(request.query)
    kind = random.choice(("other", "unknown", "twice", "gone"))
    names = (
        ("size", "ratio", "deep", "status", "tag", "code", "since") if request.method == "GET" else ("dry",)
    )
    if kind == "other":
        name = random.choice(names)
        query = [(each, value) for each, value in query if each != name]
        query.append((name, random.choice(ANY_TEXT)))
    elif kind == "unknown":
        query.append((random.choice(("x", "Size", "size ", "")), random.choice(("", "1"))))
    elif query and kind == "twice":
        query.append(random.choice(query))
    elif query:
        query.pop(random.randrange(len(query)))
    return replace(request, query=tuple(query), broken=f"query {kind}")


def _break_path(random: Random, request: Request) -> Request:
    """Change the id, or use another or an unknown path."""
    segment = quote(random.choice(ANY_TEXT), safe="")
    path = random.choice(
        (
            f"/v1/things/{segment}",
            f"/v1/things/{segment}/parts/1",
            f"/v1/things/a/parts/{segment}",
            "/v1/things",
            "/v1/things/",
            request.path + "/",
            "/v2/things/a",
            "/",
            request.path.upper(),
        )
    )
    return replace(request, path=path, broken="path")


def _break_method(random: Random, request: Request) -> Request:
    return replace(
        request, method=random.choice(("DELETE", "PATCH", "HEAD", "OPTIONS", "POST")), broken="method"
    )


def _break_caller(random: Random, request: Request) -> Request:
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    sent = random.choice((None, "Bearer nobody", "Basic YTpi", "Bearer", "bearer ann", "ann", "Bearer  ann"))
    if sent is not None:
        headers["authorization"] = sent
    return replace(request, headers=headers, broken="caller")


def _break_header(random: Random, request: Request) -> Request:
    return replace(
        request, headers={**request.headers, "x-level": random.choice(ANY_TEXT[1:12])}, broken="header"
    )


BREAKS: tuple[Callable[[Random, Request], Request], ...] = (
    _break_value,
    _break_value,
    _break_value,
    _break_name,
    _break_bytes,
    _break_media,
    _break_query,
    _break_query,
    _break_path,
    _break_method,
    _break_caller,
    _break_header,
)
