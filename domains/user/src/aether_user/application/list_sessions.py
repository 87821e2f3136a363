from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Presences
from aether_user.application.views import own_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions(port.ListSessions):
    """Lists where the caller is signed in."""

    presences: Presences
    clock: Clock

    def __call__(self, request: types.ListSessionsRequest, /) -> types.ListSessionsResponse:
        presences = self.presences.of(own_id(request.caller), now=self.clock.now())
        return types.ListSessionsResponse(
            sessions=tuple(
                types.Session(
                    id=presence.session_id,
                    opened_at=presence.opened_at,
                    seen_at=presence.seen_at,
                    address=presence.address,
                    current=str(presence.session_id) == request.caller.session,
                )
                for presence in presences
            )
        )
