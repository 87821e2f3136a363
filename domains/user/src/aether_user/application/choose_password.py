"""The common part of registering, changing and resetting a password: refuse one that attackers try first."""

from dataclasses import dataclass

from aether_user.application.ports import LeakedPasswords
from aether_user.domain.errors import PasswordGuessable
from aether_user.domain.values import Password


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoosePassword:
    """Returns a new password. NIST SP 800-63B, 3.1.1.2: it has a length and is not known, and there is no other rule.

    Raises `PasswordNotUsable`, and `PasswordGuessable` for a leaked password, for one of the user's own `names`, both
    also with digits and signs after them, and for one that repeats or counts.
    """

    leaked: LeakedPasswords

    def __call__(self, text: str, /, *names: str) -> Password:
        password = Password.of(text)
        own = {name.lower() for name in names}
        if password.is_monotonous or password.stems & own or self.leaked.include(password):
            raise PasswordGuessable
        return password
