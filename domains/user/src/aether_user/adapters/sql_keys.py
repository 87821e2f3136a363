"""The signing keys in SQL; a private half is stored as its maker sealed it."""

from aether_adapters.sql import RowMapping
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from aether_user.adapters.tables import SIGNING_KEYS
from aether_user.domain.errors import KeysHaveChanged
from aether_user.domain.keys import KeyRing, SigningKey

SIGNING_KEYS_MAPPING = RowMapping(SigningKey, SIGNING_KEYS)


class SqlKeys:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ring(self) -> KeyRing:
        rows = self._connection.execute(select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.number))
        return KeyRing(tuple(map(SIGNING_KEYS_MAPPING.from_row, rows)))

    def add(self, key: SigningKey, /) -> None:
        try:
            self._connection.execute(insert(SIGNING_KEYS), SIGNING_KEYS_MAPPING.to_row(key))
        except IntegrityError:
            raise KeysHaveChanged(key.number) from None

    def reseal(self, key: SigningKey, private_pem: str, /) -> bool:
        same = (SIGNING_KEYS.c.number == key.number) & (SIGNING_KEYS.c.private_pem == key.private_pem)
        done = self._connection.execute(update(SIGNING_KEYS).where(same).values(private_pem=private_pem))
        return done.rowcount == 1

    def remove(self, number: int, /) -> None:
        self._connection.execute(delete(SIGNING_KEYS).where(SIGNING_KEYS.c.number == number))
