from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import is_operator
from aether_promotion.application.page_size import page_size
from aether_promotion.application.page_token import page_start, page_token
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
        size = page_size(request.page_size)
        before = page_start(request.page_token)
        wanted = set(TemplateStatus)
        if request.status is not None:
            wanted = {template_status_of(request.status)}
        if not is_operator(request.caller):
            wanted -= {TemplateStatus.DRAFT}

        def page(unit: UnitOfWork) -> tuple[tuple[types.Template, ...], bool]:
            # One more than the page shows: it tells whether there is a next page.
            found = unit.templates.page(statuses=tuple(wanted), before=before, limit=size + 1)
            shown = tuple(template_view(one, unit.authorities.get(one.id)) for one in found[:size])
            return shown, len(found) > size

        shown, more = self.transactions.read(page)
        return types.ListTemplatesResponse(
            templates=shown, next_page_token=page_token(shown[-1].id) if more else ""
        )
