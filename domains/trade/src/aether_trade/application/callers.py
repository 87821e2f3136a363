"""Permissions, by the roles in the caller's token."""

from typing import Final

from aether.common.v1.types import Caller
from aether_trade.domain.errors import OperatorsOnly

OPERATOR: Final = "operator"


def is_operator(caller: Caller) -> bool:
    return OPERATOR in caller.roles


def operators_only(caller: Caller) -> None:
    """Raise `OperatorsOnly` if the caller is not an operator."""
    if not is_operator(caller):
        raise OperatorsOnly


def buyer_seen_by(caller: Caller) -> str | None:
    """Return the buyer whose orders the caller may see; None stands for every buyer, for an operator."""
    return None if is_operator(caller) else caller.subject
