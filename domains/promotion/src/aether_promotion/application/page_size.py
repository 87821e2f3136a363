"""How long a page is."""

from typing import Final

from aether_promotion.domain.errors import PageSizeNotUsable

DEFAULT: Final = 20
MOST: Final = 100


def page_size(asked: int) -> int:
    """The size of a page, the default for 0; raises `PageSizeNotUsable`."""
    if asked < 0:
        raise PageSizeNotUsable(asked)
    return min(asked or DEFAULT, MOST)
