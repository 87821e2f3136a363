"""Pages by key: they stay whole while new things arrive. A token says where the next one starts."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, TypeVar
from urllib.parse import urlencode

from aether_trade.domain.errors import PageSizeNotUsable, PageTokenNotUsable

DEFAULT: Final = 20
MOST: Final = 100


class HasId(Protocol):
    @property
    def id(self) -> int: ...


T = TypeVar("T", bound=HasId)


class Next(NamedTuple):
    """The next page: its token, empty on the last page, and its link, None there."""

    token: str
    link: str | None


def page_size(asked: int) -> int:
    """How many a page shows where `asked` were asked for, 0 for the default; raises `PageSizeNotUsable`."""
    if asked < 0:
        raise PageSizeNotUsable(asked)
    return min(asked or DEFAULT, MOST)


def page_start(token: str) -> int | None:
    """The id that page starts below; None for the first page, whose token is empty; raises `PageTokenNotUsable`."""
    if not token:
        return None
    try:
        start = int.from_bytes(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        raise PageTokenNotUsable(token) from None
    if not 0 < start < 2**63 or _token(start) != token:
        raise PageTokenNotUsable(token)
    return start


def split(found: Sequence[T], size: int, path: str, **filters: str) -> tuple[Sequence[T], Next]:
    """What a page of `size` shows of one more than that, and where it goes on; `filters` are those of the list."""
    if len(found) <= size:
        return found, Next("", None)
    token = _token(found[size - 1].id)
    query = urlencode({"pageSize": size, "pageToken": token, **filters})
    return found[:size], Next(token, f'<{path}?{query}>; rel="next"')


def _token(last: int) -> str:
    """In a form that nobody is tempted to compute."""
    return urlsafe_b64encode(last.to_bytes(8)).decode().rstrip("=")
