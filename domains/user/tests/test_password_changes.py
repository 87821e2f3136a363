"""Changing, resetting and refusing passwords, and ending one session, on memory adapters."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from secrets import token_urlsafe

import pytest
from aether_adapters.kernel.errors import Exhausted, Unavailable

from aether.common.v1.types import Caller
from aether.user.v1 import types
from aether_user.application.send_password_resets import RETRY_AFTER
from aether_user.domain import errors
from aether_user.domain.events import SessionsRevoked
from aether_user.domain.password_reset import ResetToken
from aether_user.domain.values import Password

from .conftest import OPERATOR, PASSWORD, RESET_LIFE, TRIES, World, caller

NEW = "battery staple"
EMAIL = "ada@example.org"


def register(world: World, email: str | None = EMAIL) -> types.Profile:
    return world.service.register(
        types.RegisterRequest(username="Ada", mobile="+8613800138000", password=PASSWORD, email=email)
    )


def change(world: World, who: Caller, old: str = PASSWORD, new: str = NEW) -> None:
    request = types.ChangePasswordRequest(
        caller=who, old_password=old, new_password=new, client_address="192.0.2.1"
    )
    world.service.change_password(request)


def ask(world: World, login: str = "ada", address: str = "192.0.2.9") -> None:
    request = types.RequestPasswordResetRequest(login=login, client_address=address)
    assert world.service.request_password_reset(request) == types.Empty()


def mailed(world: World) -> ResetToken:
    """Let the worker run. Return the token of the last message."""
    while world.send_password_resets():
        pass
    return world.messages.sent[-1][2]


def reset(world: World, token: str, new: str = NEW, address: str = "192.0.2.9") -> None:
    request = types.ResetPasswordRequest(token=token, new_password=new, client_address=address)
    assert world.service.reset_password(request) == types.Empty()


def test_a_changed_password_is_the_only_one_and_ends_every_other_session(world: World) -> None:
    user = register(world)
    phone = world.sign_in()
    laptop = world.sign_in()
    here = caller(user, world.session_of(caller(user)))
    change(world, here)
    (left,) = world.service.list_sessions(types.ListSessionsRequest(caller=here)).sessions
    assert str(left.id) == here.session
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(phone.refresh_token)
    world.refresh(laptop.refresh_token)
    assert world.transactions.outbox[-1] == SessionsRevoked(
        user_id=user.id, session_id=None, occurred_at=world.clock.now()
    )
    with pytest.raises(errors.SignInRefused):
        world.sign_in()
    world.sign_in(password=NEW)


def test_without_the_old_password_nothing_changes_and_tries_end(world: World) -> None:
    user = register(world)
    for _ in range(TRIES):
        with pytest.raises(errors.OldPasswordWrong):
            change(world, caller(user), old="wrong")
    with pytest.raises(Exhausted):
        change(world, caller(user))


def test_a_rush_of_others_uses_up_nobodys_tries(world: World) -> None:
    user = register(world)
    world.passwords.full = True
    for _ in range(TRIES + 1):
        with pytest.raises(Exhausted):
            world.sign_in()
        with pytest.raises(Exhausted):
            change(world, caller(user))
    world.passwords.full = False
    world.sign_in()


def test_a_banned_user_whose_token_is_still_good_changes_nothing(world: World) -> None:
    user = register(world)
    world.service.ban_user(types.BanUserRequest(caller=OPERATOR, id=user.id))
    with pytest.raises(errors.UserIsBanned):
        change(world, caller(user))


def test_a_password_that_changed_meanwhile_is_no_old_password(world: World) -> None:
    """Another change commits while the new hash is made."""
    user = register(world)
    hash_one = world.passwords.hash

    def hash_and_interfere(password: Password, /, *, trusted: bool = False) -> str:
        world.passwords.hash = hash_one  # type: ignore[method-assign]
        change(world, caller(user), new="the winner's")
        return hash_one(password, trusted=trusted)

    world.passwords.hash = hash_and_interfere  # type: ignore[method-assign]
    with pytest.raises(errors.OldPasswordWrong):
        change(world, caller(user), new="the loser's")
    world.sign_in(password="the winner's")


@pytest.mark.parametrize(
    "password",
    [
        *("password1", "PassWord1", "iloveyou", "iloveyou2026!!"),
        *("+8613800138000", EMAIL, "Adalovelace", "ADALOVELACE1815"),
        *("aaaaaaaa", "12121212", "87654321", "abcdefghijkl"),
    ],
)
def test_a_password_that_attackers_try_first_is_refused_everywhere(world: World, password: str) -> None:
    with pytest.raises(errors.PasswordGuessable) as refused:
        request = types.RegisterRequest(
            username="adalovelace", mobile="+8613800138000", password=password, email=EMAIL
        )
        world.service.register(request)
    assert password not in str(refused.value) and not vars(refused.value)
    request = types.RegisterRequest(
        username="adalovelace", mobile="+8613800138000", password=PASSWORD, email=EMAIL
    )
    user = world.service.register(request)
    with pytest.raises(errors.PasswordGuessable):
        change(world, caller(user), new=password)
    ask(world, "adalovelace")
    token = mailed(world).text
    with pytest.raises(errors.PasswordGuessable):
        reset(world, token, new=password)
    reset(world, token)


@pytest.mark.parametrize("login", ["ada", "ADA", "+8613800138000"])
def test_a_reset_sets_the_password_once_and_ends_every_session(world: World, login: str) -> None:
    user = register(world)
    session = world.sign_in()
    ask(world, login)
    token = mailed(world)
    assert world.messages.sent == [(EMAIL, "Ada", token, world.clock.now() + RESET_LIFE)]
    reset(world, token.text)
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(session.refresh_token)
    assert world.service.list_sessions(types.ListSessionsRequest(caller=caller(user))).sessions == ()
    world.sign_in(password=NEW)
    with pytest.raises(errors.ResetTokenRefused):
        reset(world, token.text, new="another one")


def test_of_many_concurrent_uses_of_one_token_one_succeeds(world: World) -> None:
    register(world)
    ask(world)
    token = mailed(world).text

    def use(number: int) -> bool:
        try:
            reset(world, token, new=f"new password {number}")
        except errors.ResetTokenRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(16))) == 1


def test_a_reset_uses_up_the_other_tokens_and_a_changed_password_does_too(world: World) -> None:
    user = register(world)
    ask(world)
    first = mailed(world).text
    ask(world)
    second = mailed(world).text
    reset(world, second)
    ask(world)
    third = mailed(world).text
    change(world, caller(user), old=NEW, new=PASSWORD)
    for token in (first, second, third):
        with pytest.raises(errors.ResetTokenRefused):
            reset(world, token)


def test_another_request_leaves_the_earlier_token_good(world: World) -> None:
    """Otherwise whoever keeps requesting keeps the user from resetting."""
    register(world)
    ask(world)
    first = mailed(world).text
    ask(world)
    mailed(world)
    reset(world, first)


def test_a_token_is_good_for_a_while(world: World) -> None:
    register(world)
    ask(world)
    token = mailed(world).text
    world.clock.forward(RESET_LIFE)
    with pytest.raises(errors.ResetTokenRefused):
        reset(world, token)
    for text in ("", "x", ResetToken.new(token_urlsafe).text):
        with pytest.raises(errors.ResetTokenRefused):
            reset(world, text)
    world.clock.forward(timedelta(seconds=1))
    world.forget_sessions()
    assert world.transactions.read(lambda unit: unit.resets.by_digest(ResetToken(token).digest)) is None


def test_nobody_learns_from_a_request_who_exists_and_limits_are_alike(world: World) -> None:
    register(world)
    for login in ("ada", "nobody", "x" * 100):
        for number in range(TRIES):
            ask(world, login, address=f"{login} {number}")
        with pytest.raises(Exhausted):
            ask(world, login, address="198.51.100.1")
    while world.send_password_resets():
        pass
    assert {email for email, *_ in world.messages.sent} == {EMAIL}


def test_nothing_is_sent_to_a_user_without_an_address_or_who_is_banned(world: World) -> None:
    user = register(world, email=None)
    ask(world)
    request = types.ChangeProfileRequest(caller=caller(user), version=1, email="eve@example.org")
    world.service.change_profile(request)
    ask(world)
    world.clock.forward(timedelta(days=2))
    world.service.ban_user(types.BanUserRequest(caller=OPERATOR, id=user.id))
    ask(world)
    while world.send_password_resets():
        pass
    assert world.messages.sent == []


def test_a_token_that_was_sent_to_a_former_address_is_no_longer_good(world: World) -> None:
    user = register(world)
    ask(world)
    token = mailed(world).text
    request = types.ChangeProfileRequest(caller=caller(user), version=1, email="new@example.org")
    world.service.change_profile(request)
    with pytest.raises(errors.ResetTokenRefused):
        reset(world, token)


def test_a_message_that_cannot_be_sent_is_sent_later_unless_it_is_too_late(world: World) -> None:
    register(world)
    ask(world)
    world.messages.away = True
    with pytest.raises(Unavailable):
        world.send_password_resets()
    assert not world.send_password_resets(), "not at once"
    world.messages.away = False
    world.clock.forward(RETRY_AFTER)
    reset(world, mailed(world).text)
    assert len(world.messages.sent) == 1
    world.messages.away = True
    ask(world)
    with pytest.raises(Unavailable):
        world.send_password_resets()
    world.messages.away = False
    world.clock.forward(RESET_LIFE)
    assert world.send_password_resets()
    assert not world.send_password_resets()
    assert len(world.messages.sent) == 1


def test_whoever_has_reset_a_password_can_sign_in_there_though_strangers_have_tried(world: World) -> None:
    register(world)
    for number in range(TRIES):
        with pytest.raises(errors.SignInRefused):
            world.sign_in(password="wrong", address=f"203.0.113.{number}")
    with pytest.raises(Exhausted):
        world.sign_in(address="192.0.2.9")
    ask(world)
    reset(world, mailed(world).text, address="192.0.2.9")
    world.sign_in(password=NEW, address="192.0.2.9")


def test_a_user_ends_one_session_of_their_own_and_no_other(world: World) -> None:
    user = register(world)
    phone, laptop = world.sign_in(), world.sign_in()
    lost = world.session_of(caller(user))
    other = Caller(subject="77", roles=("customer",), session="")
    with pytest.raises(errors.UserNotFound):
        world.service.end_session(types.EndSessionRequest(caller=other, id=int(lost)))
    stranger = world.register("bob", "+8613800138001")
    world.service.end_session(types.EndSessionRequest(caller=caller(stranger), id=int(lost)))
    laptop = world.refresh(laptop.refresh_token)
    for _ in range(2):
        world.service.end_session(types.EndSessionRequest(caller=caller(user), id=int(lost)))
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(laptop.refresh_token)
    assert world.transactions.outbox[-1] == SessionsRevoked(
        user_id=user.id, session_id=int(lost), occurred_at=world.clock.now()
    )
    world.refresh(phone.refresh_token)
