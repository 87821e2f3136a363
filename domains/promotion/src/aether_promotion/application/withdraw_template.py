from contextlib import suppress
from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import operators_only
from aether_promotion.application.ports import ClaimCounter, Clock, CounterAway, Transactions, UnitOfWork
from aether_promotion.application.views import template_view


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawTemplate(port.WithdrawTemplate):
    """Ends the claims of a template at once: later decisions of Redis are void."""

    transactions: Transactions
    counter: ClaimCounter
    clock: Clock

    def __call__(self, request: types.WithdrawTemplateRequest, /) -> types.Template:
        operators_only(request.caller)
        now = self.clock.now()

        def withdraw(unit: UnitOfWork) -> tuple[types.Template, int]:
            template = unit.templates.get(request.id).withdraw(version=request.version)
            stored = unit.templates.save(template)
            authority = unit.authorities.lock(request.id)
            return template_view(stored, unit.authorities.save(authority.close(now))), authority.generation

        withdrawn, generation = self.transactions.run(withdraw)
        # If Redis is down: its later decisions are void, and the next claim makes it forget the generation.
        with suppress(CounterAway):
            self.counter.forget(request.id, generation)
        return withdrawn
