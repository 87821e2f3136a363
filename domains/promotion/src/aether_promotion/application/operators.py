"""Permissions: operators manage the offers, customers use them."""

from typing import Final

from aether.common.v1.types import Caller
from aether_promotion.domain.errors import OperatorsOnly

OPERATOR: Final = "operator"


def is_operator(caller: Caller) -> bool:
    return OPERATOR in caller.roles


def operators_only(caller: Caller) -> None:
    """Raise `OperatorsOnly` if the caller is not an operator."""
    if not is_operator(caller):
        raise OperatorsOnly
