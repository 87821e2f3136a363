from dataclasses import dataclass

from aether_user.application.ports import Card, Transactions
from aether_user.domain.errors import UserNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadCard:
    """Reads a user's card from the database. Returns None if there is no such user."""

    transactions: Transactions

    def __call__(self, user_id: int, /) -> Card | None:
        try:
            return Card.of(self.transactions.read(lambda unit: unit.users.get(user_id)))
        except UserNotFound:
            return None
