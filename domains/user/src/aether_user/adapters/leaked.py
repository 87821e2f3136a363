"""Leaked passwords, from the list that comes with zxcvbn: the 30,000 most frequent ones."""

from typing import Final

from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from aether_user.domain.values import PASSWORD_MIN_CHARACTERS, Password

_LEAKED: Final[frozenset[str]] = frozenset(
    text for text in FREQUENCY_LISTS["passwords"] if len(text) >= PASSWORD_MIN_CHARACTERS
)
"""In lower case, 11,611 of them; shorter ones are refused anyway."""


class FrequentPasswords:
    """Attackers try `Password` and `password123!` soon after `password`, so stems are compared.

    The strength that zxcvbn estimates is not asked for: 72 characters can take it 10 s, under the interpreter's lock.
    """

    def include(self, password: Password, /) -> bool:
        return not _LEAKED.isdisjoint(password.stems)
