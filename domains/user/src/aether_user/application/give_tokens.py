"""The common part of signing in and refreshing: issue a pair of tokens, and record where the session was seen."""

from dataclasses import dataclass
from datetime import datetime

from aether.user.v1 import types
from aether_user.application.ports import Presence, Presences, Signer
from aether_user.application.present_keys import PresentKeys
from aether_user.domain.refresh_token import RefreshToken
from aether_user.domain.session import Session
from aether_user.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveTokens:
    """Issues the tokens of a session that was just stored."""

    keys: PresentKeys
    signer: Signer
    presences: Presences

    def __call__(
        self, user: User, session: Session, refresh: RefreshToken, /, *, address: str, now: datetime
    ) -> types.Tokens:
        """Issue the tokens. Read `now` before reading the user: a later ban then revokes these tokens too."""
        access = self.signer.sign(
            self.keys.signing(), user_id=user.id, roles=user.roles, session_id=session.id, now=now
        )
        presence = Presence(
            session_id=session.id,
            opened_at=session.opened_at,
            seen_at=now,
            expires_at=session.expires_at,
            address=address,
        )
        self.presences.note(user.id, presence)
        return types.Tokens(
            access_token=access,
            token_type="Bearer",  # noqa: S106 # the scheme's name
            expires_in=self.signer.seconds,
            refresh_token=refresh.text,
            refresh_expires_at=session.expires_at,
        )
