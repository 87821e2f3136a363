"""The terms of published templates, read once: they are final, and a stampede that is turned away asks for them."""

from dataclasses import dataclass, field
from typing import Final

from aether_promotion.application.ports import Transactions
from aether_promotion.domain.values import Terms

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTerms:
    """Remembers what it has read, up to ten thousand; ask only for templates that were published."""

    transactions: Transactions
    _known: dict[int, Terms] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, template_id: int, /) -> Terms:
        known = self._known.get(template_id)
        if known is None:
            known = self.transactions.read(lambda unit: unit.templates.get(template_id)).terms
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[template_id] = known
        return known
