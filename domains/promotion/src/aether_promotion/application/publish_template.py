from dataclasses import dataclass

from aether.promotion.v1 import port, types
from aether_promotion.application.operators import operators_only
from aether_promotion.application.ports import Transactions, UnitOfWork
from aether_promotion.application.views import template_view


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTemplate(port.PublishTemplate):
    """Opens a template to claims. SQL decides them until the worker has loaded Redis."""

    transactions: Transactions

    def __call__(self, request: types.PublishTemplateRequest, /) -> types.Template:
        operators_only(request.caller)

        def publish(unit: UnitOfWork) -> types.Template:
            template = unit.templates.get(request.id).publish(version=request.version)
            return template_view(unit.templates.save(template), unit.authorities.get(request.id))

        return self.transactions.run(publish)
