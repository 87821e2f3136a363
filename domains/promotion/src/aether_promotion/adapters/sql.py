"""The unit of work in SQL, the same for MySQL, MariaDB and SQLite."""

from sqlalchemy import Connection

from aether_promotion.adapters.sql_coupons import SqlCoupons
from aether_promotion.adapters.sql_reservations import SqlActivities, SqlReservations
from aether_promotion.adapters.sql_templates import SqlClaimAuthorities, SqlTemplates
from aether_promotion.adapters.tables import METADATA, OUTBOX
from aether_promotion.application.ports import UnitOfWork

__all__ = ["METADATA", "OUTBOX", "unit_of_work"]


def unit_of_work(connection: Connection) -> UnitOfWork:
    """Return the repositories of one transaction, on its connection."""
    return UnitOfWork(
        templates=SqlTemplates(connection),
        authorities=SqlClaimAuthorities(connection),
        coupons=SqlCoupons(connection),
        activities=SqlActivities(connection),
        reservations=SqlReservations(connection),
    )
