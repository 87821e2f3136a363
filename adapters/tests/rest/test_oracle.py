"""Compares our server with stock Connexion: one contract, thousands of valid and faulty requests.

Every intended difference is in DIFFERENCES and in docs/adr/0002-compiled-connexion-edge.md. No other
difference may occur, and each listed one must occur.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

SEED = 20260102
REQUESTS = 3000
ADR = Path(__file__).parents[3] / "docs/adr/0002-compiled-connexion-edge.md"

Applies = Callable[[Any, Any, Any], bool]
"""Whether this difference explains (request, our answer, stock's answer)."""


def _statuses(ours: int, stock: int, *broken: str) -> Applies:
    def applies(request: Any, mine: Any, theirs: Any) -> bool:
        return (mine.status, theirs.status) == (ours, stock) and (not broken or request.broken in broken)

    return applies


def _sent_twice(request: Any, ours: Any, _stock: Any) -> bool:
    names = [name for name, _ in request.query]
    return ours.status == 400 and any(names.count(name) > 1 for name in names if name != "tag")


def _pointer(name: str, reason: str) -> Applies:
    def applies(_request: Any, ours: Any, stock: Any) -> bool:
        if ours.status != 400 or stock.status != 200:
            return False
        return any(error["pointer"] == name and reason in error["reason"] for error in ours.body["errors"])

    return applies


def _loose_literal(request: Any, ours: Any, stock: Any) -> bool:
    literal = ("must be an integer", "must be a finite number", "must be true or false")
    return (ours.status, stock.status) == (400, 200) and any(
        error["reason"] in literal for error in ours.body["errors"]
    )


def _comma_in_item(request: Any, ours: Any, _stock: Any) -> bool:
    return ours.status == 200 and any(name == "tag" and "," in value for name, value in request.query)


def _typed_header(request: Any, _ours: Any, stock: Any) -> bool:
    return request.method in ("GET", "HEAD") and "x-level" in request.headers and stock.status == 400


def _typed_path(request: Any, ours: Any, stock: Any) -> bool:
    return stock.status == 404 and ours.status in (204, 400, 401, 405) and "/parts/" in request.path


def _no_media_type(request: Any, ours: Any, stock: Any) -> bool:
    return (
        stock.status == 500
        and bool(request.body)
        and "content-type" not in request.headers
        and ours.status < 500
    )


def _optional_body(request: Any, ours: Any, stock: Any) -> bool:
    return (ours.status, stock.status) == (200, 400) and not request.body and request.path.count("/") == 5


DIFFERENCES: dict[str, Applies] = {
    "options": _statuses(204, 405),
    "trailing-slash": _statuses(404, 307),
    "typed-path": _typed_path,
    "typed-header": _typed_header,
    "sent-twice": _sent_twice,
    "loose-literal": _loose_literal,
    "comma-in-item": _comma_in_item,
    "date-time": _pointer("since", "date-time"),
    "not-utf-8": _statuses(400, 500, "not utf-8", "cut"),
    "surrogate": _statuses(400, 200, "surrogate"),
    "repeated-name": _pointer("", "is repeated"),
    "wide-integer": _pointer("", "64 bits"),
    "no-media-type": _no_media_type,
    "optional-body": _optional_body,
}


@pytest.fixture(scope="module")
def oracle(load: Callable[[str], Any]) -> Any:
    """Module with both servers."""
    return load("oracle_apps")


def test_the_server_answers_like_stock_connexion_except_for_the_listed_differences(
    oracle: Any, load: Callable[[str], Any]
) -> None:
    logging.disable(logging.CRITICAL)  # stock Connexion logs a traceback for each of its 500s
    try:
        statuses, seen, unexplained = asyncio.run(compare(oracle, load("oracle_requests").requests(SEED)))
    finally:
        logging.disable(logging.NOTSET)
    assert not unexplained, "\n".join(unexplained[:5])
    assert set(DIFFERENCES) - set(seen) == set(), "these listed differences no longer occur"
    # A generator of only one kind of request would prove nothing.
    assert all(statuses[status] >= 40 for status in (200, 400, 401, 404, 405, 415)), statuses
    assert statuses[500] == 0


async def compare(oracle: Any, requests: Any) -> tuple[Counter[int], Counter[str], list[str]]:
    application, stock = oracle.application(), oracle.stock()
    statuses, seen, unexplained = Counter[int](), Counter[str](), list[str]()
    for request in islice(requests, REQUESTS):
        sent = (request.method, request.path, request.query_string, request.headers, request.body)
        ours, theirs = await oracle.ask(application, *sent), await oracle.ask(stock, *sent)
        statuses[ours.status] += 1
        if ours.status >= 400 and request.method != "HEAD":
            assert ours.headers["content-type"] == "application/problem+json"
            assert ours.body["status"] == ours.status
        if ours.status == theirs.status and (ours.status >= 400 or ours.body == theirs.body):
            continue
        reasons = [name for name, applies in DIFFERENCES.items() if applies(request, ours, theirs)]
        seen.update(reasons)
        if not reasons:
            unexplained.append(f"{request}\n  ours:  {ours}\n  stock: {theirs}")
    return statuses, seen, unexplained


def test_each_listed_difference_is_a_row_of_the_decision_record() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", ADR.read_text(), re.MULTILINE)
    assert rows == list(DIFFERENCES)


def test_the_comparison_detects_an_unlisted_difference(oracle: Any, load: Callable[[str], Any]) -> None:
    """The comparison must fail for a server that checks a different bound."""
    requests = load("oracle_requests")
    lax = oracle.CONTRACT.read_text().replace("maxLength: 30", "maxLength: 3")
    assert lax != oracle.CONTRACT.read_text()

    class Lax:
        application = staticmethod(lambda: oracle.application(lax))
        stock = staticmethod(oracle.stock)
        ask = staticmethod(oracle.ask)

    _, _, unexplained = asyncio.run(compare(Lax, islice(requests.requests(SEED), 200)))
    assert unexplained
