"""Revocations of the user service are understood, and other events are refused."""

from datetime import UTC, datetime

import pytest
from aether_adapters.auth.revocations import Revocation
from aether_adapters.kernel.errors import Malformed
from aether_adapters.kernel.events import IncomingEvent

from aether.user.v1 import events as user
from aether_trade.adapters.events import REVOKED, USER_TOPIC, revocation

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def incoming(event: user.Event) -> IncomingEvent:
    return IncomingEvent(
        id="1",
        type=event.TYPE,
        source="aether-user",
        key="7",
        payload=user.to_bytes(event),
        occurred_at=NOON,
        headers={},
        topic=USER_TOPIC,
        partition=0,
        offset=0,
    )


def test_a_revocation_names_subject_session_and_moment() -> None:
    event = user.SessionsRevoked(subject="7", session="s", revoked_before=NOON, occurred_at=NOON)
    assert event.TYPE == REVOKED
    assert revocation(incoming(event)) == Revocation(subject="7", session="s", before=NOON.timestamp())


def test_another_event_revokes_nothing() -> None:
    with pytest.raises(Malformed):
        revocation(incoming(user.UserBanned(user_id=7, occurred_at=NOON)))
