"""Pages of a list: sizes, tokens, and errors of the domain's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from aether_adapters.kernel.pages import Page, Pages


class SizeNotUsable(Exception):
    """The domain's own error for a page size."""


class TokenNotUsable(Exception):
    """The domain's own error for a page token."""


PAGES = Pages(SizeNotUsable, TokenNotUsable, default_size=2, largest_size=3)


@dataclass(frozen=True)
class Entry:
    id: int


def listed(ids: list[int], size: int) -> list[list[int]]:
    """Walk through every page of a list of these ids, as a client does."""
    pages: list[list[int]] = []
    token = ""
    while not pages or token:
        page = PAGES.page(size, token)
        newest = sorted((each for each in ids if page.before is None or each < page.before), reverse=True)
        shown, token = page.split([Entry(each) for each in newest[: page.limit]])
        pages.append([entry.id for entry in shown])
    return pages


def test_pages_show_every_entry_once() -> None:
    assert listed([1, 2, 2**63 - 1], 2) == [[2**63 - 1, 2], [1]]
    assert listed([1, 2, 3, 4], 2) == [[4, 3], [2, 1]]
    assert listed([], 2) == [[]]


@pytest.mark.parametrize(("asked", "size"), [(0, 2), (1, 1), (3, 3), (4, 3), (2**31 - 1, 3)])
def test_a_size_is_the_default_for_zero_and_cut_to_the_largest(asked: int, size: int) -> None:
    assert PAGES.page(asked, "") == Page(size=size, before=None)


def test_a_negative_size_raises_the_error_of_the_domain() -> None:
    with pytest.raises(SizeNotUsable) as refused:
        PAGES.page(-1, "x")
    assert refused.value.args == (-1,)


@pytest.mark.parametrize("token", ["x", "é", "AAAAAAAAAAA", "__________8", "AAAAAAAAAAE=", "AAAAAAAAAAF"])
def test_a_token_that_no_page_had_raises_the_error_of_the_domain(token: str) -> None:
    with pytest.raises(TokenNotUsable) as refused:
        PAGES.page(1, token)
    assert refused.value.args == ()
    assert refused.value.__cause__ is None


def test_tokens_stay_as_they_were_published() -> None:
    _, token = Page(size=1, before=None).split([Entry(2**53 + 1), Entry(1)])
    assert token == "ACAAAAAAAAE"
    assert PAGES.page(1, token) == Page(size=1, before=2**53 + 1)


def test_a_link_leads_to_the_next_page_and_keeps_the_filters() -> None:
    page = Page(size=2, before=None)
    assert page.link("/v1/orders", "AA&", status="PAID") == (
        '</v1/orders?pageSize=2&pageToken=AA%26&status=PAID>; rel="next"'
    )
    assert page.link("/v1/orders", "") is None
