"""Races on a real database: another transaction commits between two statements of the request."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from aether_adapters import sql
from aether_adapters.testing.interleave import meanwhile
from sqlalchemy import Engine, delete

from aether_user.__main__ import migrations
from aether_user.adapters.sql import unit_of_work
from aether_user.adapters.tables import USERS
from aether_user.application.count_points import CountPoints
from aether_user.domain import errors
from aether_user.domain.user import User

from .test_ports import IDS, new

pytestmark = [pytest.mark.suite("races"), pytest.mark.implementation("mariadb")]


@pytest.fixture(scope="module")
def engine(mysql_url: str) -> Iterator[Engine]:
    sql.migrate(mysql_url, migrations())
    engine = sql.connect(mysql_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("before", ["UPDATE order_points", "INSERT INTO order_points"])
def test_of_two_facts_of_a_new_order_that_are_counted_at_once_both_count(engine: Engine, before: str) -> None:
    transactions = sql.Transactions(engine, unit_of_work)
    count, order_id, user_id = CountPoints(transactions=transactions), next(IDS), next(IDS)
    with meanwhile(engine, lambda: count.paid(order_id, user_id, 2000), before=before):
        count.refunded(order_id, next(IDS), user_id, 500)
    assert transactions.read(lambda unit: unit.ledger.balance(user_id)) == 15


@pytest.mark.parametrize(
    ("same", "refused"),
    [
        (lambda user: new(username=user.username.text), errors.UsernameTaken),
        (lambda user: new(mobile=user.mobile.text), errors.MobileTaken),
    ],
)
def test_a_name_in_use_stays_in_use_until_the_refusal_is_explained(
    engine: Engine, same: Callable[[User], User], refused: type[Exception]
) -> None:
    """The failed insert keeps the row locked, so its user cannot be deleted before the reason is read."""
    transactions = sql.Transactions(engine, unit_of_work)
    taken = transactions.run(lambda unit: unit.users.add(new(username=f"ada-{uuid4().hex[:8]}")))

    def forget() -> None:
        bare = sql.Transactions(engine, lambda connection: connection)
        bare.run(lambda connection: connection.execute(delete(USERS).where(USERS.c.id == taken.id)))

    with meanwhile(engine, forget, before="FROM users"), pytest.raises(refused):
        transactions.run(lambda unit: unit.users.add(same(taken)))
