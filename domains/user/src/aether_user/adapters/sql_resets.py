"""Requests to reset a password and the tokens sent for them, in SQL; a token is stored as its digest."""

from datetime import datetime

from aether_adapters.sql import RowMapping
from sqlalchemy import Connection, delete, insert, select, update

from aether_user.adapters.tables import PASSWORD_RESETS, RESET_REQUESTS
from aether_user.domain.password_reset import PasswordReset, ResetRequest

RESETS_MAPPING = RowMapping(PasswordReset, PASSWORD_RESETS)
REQUESTS_MAPPING = RowMapping(ResetRequest, RESET_REQUESTS)


class SqlResets:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, reset: PasswordReset, /) -> None:
        self._connection.execute(insert(PASSWORD_RESETS), RESETS_MAPPING.to_row(reset))

    def by_digest(self, digest: str, /) -> PasswordReset | None:
        wanted = select(PASSWORD_RESETS).where(PASSWORD_RESETS.c.digest == digest)
        row = self._connection.execute(wanted).one_or_none()
        return None if row is None else RESETS_MAPPING.from_row(row)

    def remove_all(self, user_id: int, /) -> None:
        self._connection.execute(delete(PASSWORD_RESETS).where(PASSWORD_RESETS.c.user_id == user_id))

    def forget_expired(self, before: datetime, /) -> None:
        self._connection.execute(delete(PASSWORD_RESETS).where(PASSWORD_RESETS.c.expires_at < before))


class SqlResetRequests:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, request: ResetRequest, /) -> None:
        self._connection.execute(insert(RESET_REQUESTS), REQUESTS_MAPPING.to_row(request))

    def waiting(self, now: datetime, /) -> bool:
        due = select(RESET_REQUESTS.c.id).where(RESET_REQUESTS.c.due_at <= now).limit(1)
        return self._connection.execute(due).one_or_none() is not None

    def take(self, now: datetime, /, *, again_at: datetime) -> ResetRequest | None:
        due = (
            select(RESET_REQUESTS)
            .where(RESET_REQUESTS.c.due_at <= now)
            .order_by(RESET_REQUESTS.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = self._connection.execute(due).one_or_none()
        if row is None:
            return None
        same = update(RESET_REQUESTS).where(RESET_REQUESTS.c.id == row.id)
        self._connection.execute(same.values(due_at=again_at))
        return REQUESTS_MAPPING.from_row(row)

    def remove(self, request_id: int, /) -> None:
        self._connection.execute(delete(RESET_REQUESTS).where(RESET_REQUESTS.c.id == request_id))
