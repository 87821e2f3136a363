"""Who may do what: operators run the offers, customers use them."""

from typing import Final

from aether.common.v1.types import Caller
from aether_promotion.domain.errors import OperatorsOnly

OPERATOR: Final = "operator"


def is_operator(caller: Caller) -> bool:
    return OPERATOR in caller.roles


def operators_only(caller: Caller) -> None:
    """Raises `OperatorsOnly` for anybody else."""
    if not is_operator(caller):
        raise OperatorsOnly
