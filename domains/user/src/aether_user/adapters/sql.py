"""Repositories in SQL, the same for MySQL, MariaDB and SQLite; `tables.py` holds the tables."""

from datetime import datetime
from typing import Final

from aether_adapters.sql import (
    Inbox,
    Outbox,
    RowMapping,
    converted,
    insert_into,
    optional,
    select_by,
    update_versioned,
    wrapped,
)
from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from aether_user.adapters.events import outgoing
from aether_user.adapters.sql_keys import SqlKeys
from aether_user.adapters.sql_ledger import SqlLedger
from aether_user.adapters.sql_resets import SqlResetRequests, SqlResets
from aether_user.adapters.tables import INBOX, OUTBOX, SESSIONS, USERS
from aether_user.application.ports import UnitOfWork
from aether_user.domain.errors import (
    MobileTaken,
    SessionHasChanged,
    UserHasChanged,
    UsernameTaken,
    UserNotFound,
)
from aether_user.domain.session import Session
from aether_user.domain.user import User
from aether_user.domain.values import DisplayName, Email, Mobile, Role, Username

_SESSIONS_PER_DELETE: Final = 1000

USERS_MAPPING = RowMapping(
    User,
    USERS,
    {
        "username": wrapped(Username, "text"),
        "mobile": wrapped(Mobile, "text"),
        "email": optional(wrapped(Email, "text")),
        "former_email": optional(wrapped(Email, "text")),
        "display_name": wrapped(DisplayName, "text"),
        "roles": converted(
            lambda roles: " ".join(sorted(role.value for role in roles)),
            lambda text: frozenset(map(Role, text.split())),
        ),
    },
    without=("events",),
    # A unique column, so that names differ by more than their case.
    computed={"username_folded": lambda user: user.username.folded},
)

SESSIONS_MAPPING = RowMapping(Session, SESSIONS, without=("events",))


def unit_of_work(connection: Connection) -> UnitOfWork:
    """Return the repositories of one transaction, on its connection."""
    return UnitOfWork(
        users=SqlUsers(connection),
        sessions=SqlSessions(connection),
        resets=SqlResets(connection),
        reset_requests=SqlResetRequests(connection),
        keys=SqlKeys(connection),
        ledger=SqlLedger(connection),
        inbox=Inbox(connection, INBOX),
    )


class SqlUsers:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def add(self, user: User, /) -> User:
        stored = user.stored()
        try:
            self._connection.execute(insert_into(USERS), USERS_MAPPING.to_row(stored))
        except IntegrityError:
            raise self._conflict(user) from None
        self._publish(user)
        return stored

    def get(self, user_id: int, /) -> User:
        return self._one(user_id, hold=False)

    def hold(self, user_id: int, /) -> User:
        return self._one(user_id, hold=True)

    def by_login(self, login: str, /) -> User | None:
        its = {"mobile": login} if login.startswith("+") else {"username_folded": login.lower()}
        row = self._connection.execute(select_by(USERS, *its), its).one_or_none()
        return None if row is None else USERS_MAPPING.from_row(row)

    def save(self, user: User, /) -> User:
        stored = user.stored()
        update_versioned(
            self._connection,
            USERS,
            USERS_MAPPING.to_row(stored),
            loaded=user.version,
            conflict=lambda: UserHasChanged(user.id, user.version),
        )
        self._publish(user)
        return stored

    def _one(self, user_id: int, *, hold: bool) -> User:
        row = self._connection.execute(select_by(USERS, "id", lock=hold), {"id": user_id}).one_or_none()
        if row is None:
            raise UserNotFound(user_id)
        return USERS_MAPPING.from_row(row)

    def _conflict(self, user: User) -> Exception:
        """Return the error that names the value in use. The failed insert keeps that row locked, so it still exists."""
        folded, mobile = user.username.folded, user.mobile.text
        taken = select(USERS.c.id, USERS.c.username_folded, USERS.c.mobile).where(
            or_(USERS.c.username_folded == folded, USERS.c.mobile == mobile)
        )
        rows = self._connection.execute(taken).all()
        if any(row.username_folded == folded and row.id != user.id for row in rows):
            return UsernameTaken()
        if any(row.mobile == mobile and row.id != user.id for row in rows):
            return MobileTaken()
        return UserHasChanged(user.id, user.version)

    def _publish(self, user: User) -> None:
        # After the row is written, because its lock keeps the events of one user in order.
        self._outbox.add(*(outgoing(event) for event in user.events))


class SqlSessions:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outbox = Outbox(connection, OUTBOX)

    def add(self, session: Session, /) -> Session:
        stored = session.stored()
        try:
            self._connection.execute(insert_into(SESSIONS), SESSIONS_MAPPING.to_row(stored))
        except IntegrityError:
            raise SessionHasChanged(session.id) from None
        return stored

    def get(self, session_id: int, /) -> Session | None:
        row = self._connection.execute(select_by(SESSIONS, "id"), {"id": session_id}).one_or_none()
        return None if row is None else SESSIONS_MAPPING.from_row(row)

    def by_handle(self, handle: str, /) -> Session | None:
        row = self._connection.execute(select_by(SESSIONS, "handle"), {"handle": handle}).one_or_none()
        return None if row is None else SESSIONS_MAPPING.from_row(row)

    def save(self, session: Session, /) -> Session:
        stored = session.stored()
        update_versioned(
            self._connection,
            SESSIONS,
            SESSIONS_MAPPING.to_row(stored),
            loaded=session.version,
            conflict=lambda: SessionHasChanged(session.id),
        )
        self._outbox.add(*(outgoing(event) for event in session.events))
        return stored

    def revoke_all(self, user_id: int, /, *, now: datetime, but: int | None = None) -> None:
        open_ones = (SESSIONS.c.user_id == user_id) & SESSIONS.c.revoked_at.is_(None)
        if but is not None:
            open_ones &= SESSIONS.c.id != but
        revoked = {"revoked_at": now, "version": SESSIONS.c.version + 1}
        self._connection.execute(update(SESSIONS).where(open_ones).values(revoked))

    def forget_expired(self, before: datetime, /) -> int:
        expired = select(SESSIONS.c.id).where(SESSIONS.c.expires_at < before).limit(_SESSIONS_PER_DELETE)
        ids = self._connection.execute(expired).scalars().all()
        self._connection.execute(delete(SESSIONS).where(SESSIONS.c.id.in_(ids)))
        return len(ids)
