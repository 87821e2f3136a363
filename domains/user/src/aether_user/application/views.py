"""Maps domain objects to the contract's messages, and reads the caller."""

from typing import assert_never

from aether.common.v1.types import Caller
from aether.user.v1 import types
from aether_user.domain.errors import OperatorsOnly, UserNotFound
from aether_user.domain.user import User
from aether_user.domain.values import Role, Status


def profile(user: User) -> types.Profile:
    """Return the profile, as the user and operators see it."""
    return types.Profile(
        id=user.id,
        username=user.username.text,
        mobile=user.mobile.text,
        email=None if user.email is None else user.email.text,
        display_name=user.display_name.text,
        roles=role_names(user.roles),
        status=status_view(user.status),
        version=user.version,
        created_at=user.created_at,
    )


def status_view(status: Status) -> types.UserStatus:
    match status:
        case Status.ACTIVE:
            return types.UserStatus.ACTIVE
        case Status.BANNED:
            return types.UserStatus.BANNED
        case _:
            assert_never(status)


def role_names(roles: frozenset[Role]) -> tuple[str, ...]:
    """Return the names of the roles in tokens and contracts, sorted."""
    return tuple(sorted(role.value for role in roles))


def own_id(caller: Caller) -> int:
    """Return the caller's user id. Raises `UserNotFound` if the caller is not a user, such as a service."""
    found = id_in(caller.subject)
    if found is None:
        raise UserNotFound(0)
    return found


def id_in(text: str) -> int | None:
    """Return the id that tokens name so, or None. 007 is none: revocations of 7 would not concern it."""
    short = 0 < len(text) <= len(str(2**63))
    number = int(text) if short and text.isascii() and text.isdigit() else 0
    return number if 0 < number < 2**63 and str(number) == text else None


def is_operator(caller: Caller) -> bool:
    return Role.OPERATOR.value in caller.roles


def operators_only(caller: Caller) -> None:
    """Raise `OperatorsOnly` if the caller is not an operator."""
    if not is_operator(caller):
        raise OperatorsOnly
