from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Cards
from aether_user.application.views import role_names, status_view
from aether_user.domain.errors import UserNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class GetUser(port.GetUser):
    """Gives a user's card to another service."""

    cards: Cards

    def __call__(self, request: types.GetUserRequest, /) -> types.User:
        card = self.cards.get(request.id)
        if card is None:
            raise UserNotFound(request.id)
        return types.User(
            id=card.id,
            username=card.username,
            display_name=card.display_name,
            status=status_view(card.status),
            roles=role_names(card.roles),
        )
