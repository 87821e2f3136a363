"""The first operator is appointed by the service's administrators, because nobody can assign roles yet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aether_adapters import sql

from aether.user.v1 import types
from aether_user.__main__ import migrations
from aether_user.application.grant_operator import GrantOperator
from aether_user.application.load_card import LoadCard
from aether_user.container import Container
from aether_user.domain import errors
from aether_user.domain.values import Role

from .conftest import World, caller
from .memory import MemoryCards


@pytest.fixture
def grant(world: World) -> GrantOperator:
    cards = MemoryCards(LoadCard(transactions=world.transactions))
    return GrantOperator(transactions=world.transactions, cards=cards, clock=world.clock)


def test_a_registered_user_becomes_an_operator_and_can_use_their_operations(
    world: World, grant: GrantOperator
) -> None:
    ada, eve = world.register(), world.register("eve", "+8613800138001")
    assert grant("ADA").roles == {Role.CUSTOMER, Role.OPERATOR}
    boss = caller(world.service.get_profile(types.GetProfileRequest(caller=caller(ada))))
    banned = world.service.ban_user(types.BanUserRequest(caller=boss, id=eve.id))
    assert banned.status is types.UserStatus.BANNED


def test_an_operator_is_not_changed(world: World, grant: GrantOperator) -> None:
    world.register()
    once = grant("ada")
    assert grant("ada") == once


def test_an_unknown_username_is_refused(world: World, grant: GrantOperator) -> None:
    world.register()
    with pytest.raises(errors.UsernameUnknown):
        grant("eve")


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Container:
    """A service with a new database, whose Redis is down."""
    database = f"sqlite:///{tmp_path}/test.db"
    sql.migrate(database, migrations())
    monkeypatch.setenv("USER_DATABASE_URL", database)
    monkeypatch.setenv("USER_REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv("USER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setenv("USER_KEY_SECRET", "only this test knows")
    monkeypatch.setenv("USER_HASH_KIBIBYTES", "32")
    return Container(roles=frozenset())


def test_the_command_reports_what_it_stored(container: Container) -> None:
    def command(username: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "aether_user", "grant-operator", username],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.splitlines()[-1] if done.stderr else ""

    service = container.service()
    ada = service.register(
        types.RegisterRequest(username="ada", mobile="+8613800138000", password="correct horse")
    )
    assert command("eve") == (1, "", "User eve does not exist: register first, or check the username.")
    code, said, _ = command("ada")
    assert (code, said) == (0, "ada is an operator; signing in or renewing tokens gives the role.\n")
    profile = service.get_profile(types.GetProfileRequest(caller=caller(ada)))
    assert profile.roles == ("customer", "operator")
    container.backing().worker_number.stop()
    container.backing().database.dispose()
