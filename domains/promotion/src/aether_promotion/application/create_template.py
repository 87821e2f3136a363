from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import operators_only
from aether_promotion.application.ports import Clock, Ids, Transactions, UnitOfWork
from aether_promotion.application.views import template_view, terms_of
from aether_promotion.domain.claim_authority import ClaimAuthority
from aether_promotion.domain.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTemplate(port.CreateTemplate):
    """Drafts a template, and creates its claim authority."""

    transactions: Transactions
    clock: Clock
    ids: Ids

    def __call__(self, request: types.CreateTemplateRequest, /) -> types.Template:
        operators_only(request.caller)
        now = self.clock.now()
        draft = Template(id=self.ids.next(), terms=terms_of(request.terms), created_at=now)
        authority = ClaimAuthority(template_id=draft.id, quota=draft.terms.quota, since=now)

        def create(unit: UnitOfWork) -> Template:
            stored = unit.templates.add(draft)
            unit.authorities.add(authority)
            return stored

        return template_view(self.transactions.run(create), authority)
