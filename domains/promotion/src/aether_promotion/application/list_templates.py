from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import is_operator
from aether_promotion.application.paging import PAGES
from aether_promotion.application.ports import Transactions, UnitOfWork
from aether_promotion.application.statuses import template_status_of
from aether_promotion.application.views import template_view
from aether_promotion.domain.values import TemplateStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTemplates(port.ListTemplates):
    """Lists templates, newest first; for a customer there are no drafts."""

    transactions: Transactions

    def __call__(
        self,
        request: types.ListTemplatesRequest,
        /,
    ) -> types.ListTemplatesResponse:
        page = PAGES.page(request.page_size, request.page_token)
        wanted = set(TemplateStatus)
        if request.status is not None:
            wanted = {template_status_of(request.status)}
        if not is_operator(request.caller):
            wanted -= {TemplateStatus.DRAFT}

        def load(unit: UnitOfWork) -> tuple[tuple[types.Template, ...], str]:
            found = unit.templates.page(statuses=tuple(wanted), before=page.before, limit=page.limit)
            shown, next_page_token = page.split(found)
            return tuple(template_view(one, unit.authorities.get(one.id)) for one in shown), next_page_token

        templates, next_page_token = self.transactions.read(load)
        return types.ListTemplatesResponse(templates=templates, next_page_token=next_page_token)
