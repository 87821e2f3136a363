"""Cache of the terms of published templates. They are final, and every refused claim needs them."""

from dataclasses import dataclass, field
from typing import Final

from aether_promotion.application.ports import Transactions
from aether_promotion.domain.values import Terms

_CACHED_TEMPLATES_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTerms:
    """Caches up to ten thousand templates. Ask only for templates that were published."""

    transactions: Transactions
    _known: dict[int, Terms] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, template_id: int, /) -> Terms:
        known = self._known.get(template_id)
        if known is None:
            known = self.transactions.read(lambda unit: unit.templates.get(template_id)).terms
            if len(self._known) >= _CACHED_TEMPLATES_LIMIT:
                self._known.clear()
            self._known[template_id] = known
        return known
