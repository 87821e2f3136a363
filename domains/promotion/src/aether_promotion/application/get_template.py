from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import is_operator
from aether_promotion.application.ports import Transactions, UnitOfWork
from aether_promotion.application.views import template_view
from aether_promotion.domain.errors import TemplateNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTemplate(port.GetTemplate):
    """Reads a template. Only operators see drafts."""

    transactions: Transactions

    def __call__(self, request: types.GetTemplateRequest, /) -> types.Template:
        def read(unit: UnitOfWork) -> types.Template:
            template = unit.templates.get(request.id)
            if not template.visible(to_operator=is_operator(request.caller)):
                raise TemplateNotFound(request.id)
            return template_view(template, unit.authorities.get(request.id))

        return self.transactions.read(read)
