from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.end_session import EndSession
from aether_user.application.views import id_in, own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut(port.SignOut):
    """Ends the caller's session. No effect if it has ended, or if the token has no session."""

    end_session: EndSession

    def __call__(self, request: types.SignOutRequest, /) -> types.Empty:
        user_id, session_id = own_id(request.caller), id_in(request.caller.session)
        if session_id is not None:
            self.end_session.end(user_id, session_id)
        return types.Empty()
