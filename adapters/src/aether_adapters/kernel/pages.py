"""Lists in pages, newest first, by keyset pagination: a page starts below the last id of the one before.

So pages neither skip nor repeat an entry while new ones arrive. Ids are from 1 to 2**63 - 1.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlencode


class Entry(Protocol):
    """An entry of a list."""

    @property
    def id(self) -> int:
        """The id the list is ordered by."""
        ...


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Pages:
    """The page sizes of a domain, and the domain's own errors for sizes and tokens it cannot use."""

    size_error: Callable[[int], Exception]
    token_error: Callable[[], Exception]
    default_size: int = 20
    largest_size: int = 100

    def page(self, size: int, token: str) -> Page:
        """Read a request's page size (0 for the default, cut to the largest) and token ("" for the first page).

        Raises `size_error(size)` if the size is negative, and `token_error()` for a token that `Page.split` never
        returned.
        """
        if size < 0:
            raise self.size_error(size)
        return Page(size=min(size or self.default_size, self.largest_size), before=self._start(token))

    def _start(self, token: str) -> int | None:
        if not token:
            return None
        try:
            start = int.from_bytes(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        except ValueError:
            raise self.token_error() from None
        if not 0 < start < 2**63 or _token(start) != token:
            raise self.token_error()
        return start


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: at most `size` entries with ids below `before`, or the newest ones if that is None."""

    size: int
    before: int | None

    @property
    def limit(self) -> int:
        """How many entries to load: one more than the page shows, which tells whether another page follows."""
        return self.size + 1

    def split(self, found: Sequence[E]) -> tuple[Sequence[E], str]:
        """Split the loaded entries into those the page shows and the token of the next page, "" on the last one."""
        if len(found) <= self.size:
            return found, ""
        return found[: self.size], _token(found[self.size - 1].id)

    def link(self, path: str, token: str, **filters: str) -> str | None:
        """Return the Link header (RFC 8288) of the next page, which `token` starts; None if that is "".

        `path` is the list's own, and `filters` are the other parameters of its query.
        """
        if not token:
            return None
        query = urlencode({"pageSize": self.size, "pageToken": token, **filters})
        return f'<{path}?{query}>; rel="next"'


def _token(last: int) -> str:
    # Encoded, so that no client is tempted to compute one.
    return urlsafe_b64encode(last.to_bytes(8)).decode().rstrip("=")
