"""The pages of promotion's lists."""

from typing import Final

from aether_adapters.kernel.pages import Pages

from aether_promotion.domain.errors import PageSizeNotUsable, PageTokenNotUsable

PAGES: Final = Pages(PageSizeNotUsable, PageTokenNotUsable)
