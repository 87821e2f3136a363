from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import operators_only
from aether_promotion.application.ports import Clock, Transactions, UnitOfWork
from aether_promotion.application.views import template_view


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawTemplate(port.WithdrawTemplate):
    """Ends the claims at once: what Redis decides from now on binds nobody."""

    transactions: Transactions
    clock: Clock

    def __call__(self, request: types.WithdrawTemplateRequest, /) -> types.Template:
        operators_only(request.caller)
        now = self.clock.now()

        def withdraw(unit: UnitOfWork) -> types.Template:
            template = unit.templates.get(request.id).withdraw(version=request.version)
            stored = unit.templates.save(template)
            desk = unit.desks.lock(request.id)
            return template_view(stored, unit.desks.save(desk.close(now)))

        return self.transactions.run(withdraw)
