"""The pages of trade's lists."""

from typing import Final

from aether_adapters.kernel.pages import Pages

from aether_trade.domain.errors import PageSizeNotUsable, PageTokenNotUsable

PAGES: Final = Pages(PageSizeNotUsable, PageTokenNotUsable)
