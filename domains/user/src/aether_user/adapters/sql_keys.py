"""The signing keys in SQL; a private half is stored as its maker sealed it."""

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from aether_user.adapters.tables import SIGNING_KEYS
from aether_user.domain.errors import KeysHaveChanged
from aether_user.domain.keys import KeyRing, SigningKey


class SqlKeys:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ring(self) -> KeyRing:
        rows = self._connection.execute(select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.number))
        return KeyRing(
            tuple(
                SigningKey(
                    number=row.number,
                    kid=row.kid,
                    x=row.x,
                    y=row.y,
                    private_pem=row.private_pem,
                    signs_from=row.signs_from,
                )
                for row in rows
            )
        )

    def add(self, key: SigningKey, /) -> None:
        row = {
            "number": key.number,
            "kid": key.kid,
            "x": key.x,
            "y": key.y,
            "private_pem": key.private_pem,
            "signs_from": key.signs_from,
        }
        try:
            self._connection.execute(insert(SIGNING_KEYS), row)
        except IntegrityError:
            raise KeysHaveChanged(key.number) from None

    def remove(self, number: int, /) -> None:
        self._connection.execute(delete(SIGNING_KEYS).where(SIGNING_KEYS.c.number == number))
