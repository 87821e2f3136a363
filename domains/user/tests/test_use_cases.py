"""The use cases, on memory adapters."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from aether_adapters.kernel.errors import Exhausted

from aether.common.v1.types import Caller
from aether.user.v1 import types
from aether_user.domain import errors
from aether_user.domain.events import SessionsRevoked, UserBanned, UserRegistered, UserUnbanned
from aether_user.domain.values import Username

from .conftest import LIFE, OPERATOR, PASSWORD, TERMS, TRIES, World, caller


def claims(world: World, tokens: types.Tokens) -> dict[str, Any]:
    """Verify an access token with the published keys, and return its claims."""
    published = world.service.get_keys(types.GetKeysRequest()).keys
    (key,) = (key for key in published if key.kid == kid_of(tokens))
    jwk = jwt.PyJWK(json.loads(json.dumps({"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y})), key.alg)
    read: dict[str, Any] = jwt.decode(
        tokens.access_token,
        jwk,
        [key.alg],
        audience="aether",
        issuer="tests",
        options={"verify_exp": False, "verify_iat": False},  # the world's clock stands in 2030
    )
    return read


def change(world: World, user: types.Profile, **changes: str) -> types.Profile:
    request = types.ChangeProfileRequest(caller=caller(user), version=user.version, **changes)
    return world.service.change_profile(request)


def ban(world: World, user: types.Profile, by: Caller = OPERATOR) -> types.Profile:
    return world.service.ban_user(types.BanUserRequest(caller=by, id=user.id))


def unban(world: World, user: types.Profile) -> types.Profile:
    return world.service.unban_user(types.UnbanUserRequest(caller=OPERATOR, id=user.id))


def points(world: World, user: types.Profile) -> int:
    return world.service.get_points(types.GetPointsRequest(caller=caller(user))).balance


def test_a_new_user_is_a_customer_whose_display_name_is_the_username(world: World) -> None:
    registered = world.register()
    assert registered == types.Profile(
        id=1,
        username="ada",
        mobile="+8613800138000",
        display_name="ada",
        roles=("customer",),
        status=types.UserStatus.ACTIVE,
        version=1,
        created_at=world.clock.now(),
    )
    assert world.service.get_profile(types.GetProfileRequest(caller=caller(registered))) == registered
    (published,) = world.transactions.outbox
    assert published == UserRegistered(user_id=1, username=Username("ada"), occurred_at=world.clock.now())


def test_both_names_are_unique(world: World) -> None:
    world.register()
    with pytest.raises(errors.UsernameTaken):
        world.register("ADA", "+8613800138001")
    with pytest.raises(errors.MobileTaken):
        world.register("bob")


@pytest.mark.parametrize("login", ["ada", "ADA", "+8613800138000"])
def test_either_name_signs_in(world: World, login: str) -> None:
    user = world.register()
    tokens = world.sign_in(login)
    assert (tokens.token_type, tokens.expires_in) == ("Bearer", 300)
    assert tokens.refresh_expires_at == world.clock.now() + LIFE
    said = claims(world, tokens)
    assert (said["sub"], said["roles"], said["sid"]) == ("1", ["customer"], world.session_of(caller(user)))
    assert said["exp"] - said["iat"] == 300


def test_an_unknown_user_and_a_wrong_password_give_the_same_error(world: World) -> None:
    world.register()
    refusals = []
    for login, password in (("ada", "wrong"), ("bob", PASSWORD), ("+8613800138009", PASSWORD), ("é\n", "")):
        with pytest.raises(errors.SignInRefused) as refused:
            world.sign_in(login, password)
        refusals.append((str(refused.value), vars(refused.value)))
    assert refusals == [refusals[0]] * 4


def test_attempts_count_for_the_account_whether_it_exists_or_not(world: World) -> None:
    world.register()
    for login in ("ada", "nobody"):
        for number in range(TRIES):
            with pytest.raises(errors.SignInRefused):
                world.sign_in(login, "wrong", address=f"{login}{number}")
        with pytest.raises(Exhausted):
            world.sign_in(login, address="198.51.100.1")


def test_attempts_count_for_the_address_whatever_the_account(world: World) -> None:
    for number in range(TRIES):
        with pytest.raises(errors.SignInRefused):
            world.sign_in(f"user{number}")
    with pytest.raises(Exhausted):
        world.sign_in("another")


def test_a_hash_of_old_parameters_is_renewed_by_signing_in(world: World) -> None:
    world.register()
    world.passwords.scheme = "newer"
    world.sign_in()
    stored = world.transactions.read(lambda unit: unit.users.get(1))
    assert stored.password_hash == f"newer${PASSWORD}"
    world.sign_in()
    assert world.transactions.read(lambda unit: unit.users.get(1)).version == stored.version


def test_a_session_continues_with_each_new_token(world: World) -> None:
    user = world.register()
    tokens = world.sign_in()
    for _ in range(3):
        world.clock.forward(LIFE - timedelta(seconds=1))
        tokens = world.refresh(tokens.refresh_token)
        assert claims(world, tokens)["sid"] == world.session_of(caller(user))
    world.clock.forward(LIFE)
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(tokens.refresh_token)


def test_a_refresh_token_used_twice_ends_its_session_and_no_other(world: World) -> None:
    world.register()
    phone, laptop = world.sign_in(), world.sign_in()
    stolen = phone.refresh_token
    renewed = world.refresh(stolen)
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(stolen)
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(renewed.refresh_token)
    session_id = int(claims(world, phone)["sid"])
    assert world.transactions.outbox[-1] == SessionsRevoked(
        user_id=1, session_id=session_id, occurred_at=world.clock.now()
    )
    world.refresh(laptop.refresh_token)


def test_of_many_concurrent_uses_of_one_refresh_token_at_most_one_succeeds(world: World) -> None:
    world.register()
    token = world.sign_in().refresh_token

    def refresh(_: int) -> types.Tokens | None:
        try:
            return world.refresh(token)
        except errors.RefreshTokenRefused:
            return None

    with ThreadPoolExecutor(8) as pool:
        renewed = [tokens for tokens in pool.map(refresh, range(16)) if tokens is not None]
    assert len(renewed) == 1
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(renewed[0].refresh_token)


@pytest.mark.parametrize("token", ["", "x", f"{'a' * 32}.{'b' * 32}"])
def test_an_unknown_refresh_token_is_refused(world: World, token: str) -> None:
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(token)


def test_sessions_are_listed_with_where_and_when_they_were_seen(world: World) -> None:
    user = world.register()
    first = world.sign_in(address="192.0.2.1")
    first_id = world.session_of(caller(user))
    opened = world.clock.now()
    world.clock.forward(timedelta(hours=1))
    world.sign_in(address="198.51.100.7")
    world.refresh(first.refresh_token)
    request = types.ListSessionsRequest(caller=caller(user, first_id))
    later, earlier = world.service.list_sessions(request).sessions
    assert earlier == types.Session(
        id=int(first_id),
        opened_at=opened,
        seen_at=world.clock.now(),
        address="192.0.2.2",
        current=True,
    )
    assert (later.address, later.current) == ("198.51.100.7", False)


def test_signing_out_ends_one_session_and_is_idempotent(world: World) -> None:
    user = world.register()
    phone = world.sign_in()
    phones = world.session_of(caller(user))
    laptop = world.sign_in()
    for _ in range(2):
        world.service.sign_out(types.SignOutRequest(caller=caller(user, phones)))
    revoked = [event for event in world.transactions.outbox if isinstance(event, SessionsRevoked)]
    assert [event.session_id for event in revoked] == [int(phones)]
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(phone.refresh_token)
    world.refresh(laptop.refresh_token)
    assert world.session_of(caller(user)) != phones


def test_a_user_cannot_sign_out_another(world: World) -> None:
    ada, bob = world.register(), world.register("bob", "+8613800138001")
    tokens = world.sign_in()
    hers = world.session_of(caller(ada))
    world.service.sign_out(types.SignOutRequest(caller=caller(bob, hers)))
    world.refresh(tokens.refresh_token)


def test_signing_out_everywhere_ends_all(world: World) -> None:
    user = world.register()
    all_tokens = [world.sign_in(), world.sign_in()]
    world.service.sign_out_everywhere(types.SignOutEverywhereRequest(caller=caller(user)))
    for tokens in all_tokens:
        with pytest.raises(errors.RefreshTokenRefused):
            world.refresh(tokens.refresh_token)
    assert world.transactions.outbox[-1] == SessionsRevoked(
        user_id=1, session_id=None, occurred_at=world.clock.now()
    )
    assert not world.service.list_sessions(types.ListSessionsRequest(caller=caller(user))).sessions
    world.sign_in()


def test_a_ban_ends_everything_and_an_unban_lets_sign_in_again(world: World) -> None:
    user = world.register()
    tokens = world.sign_in()
    banned = ban(world, user)
    assert (banned.status, banned.version) == (types.UserStatus.BANNED, 2)
    now = world.clock.now()
    assert world.transactions.outbox[-2:] == (
        UserBanned(user_id=1, occurred_at=now),
        SessionsRevoked(user_id=1, session_id=None, occurred_at=now),
    )
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(tokens.refresh_token)
    with pytest.raises(errors.UserIsBanned) as refused:
        world.sign_in()
    assert refused.value.banned_at == now
    assert unban(world, user).status is types.UserStatus.ACTIVE
    assert world.transactions.outbox[-1] == UserUnbanned(user_id=1, occurred_at=now)
    with pytest.raises(errors.RefreshTokenRefused):
        world.refresh(tokens.refresh_token)
    world.sign_in()


def test_only_a_right_password_reveals_a_ban(world: World) -> None:
    ban(world, world.register())
    with pytest.raises(errors.SignInRefused):
        world.sign_in(password="wrong")


def test_a_customer_cannot_use_the_operations_of_operators(world: World) -> None:
    ada, bob = world.register(), world.register("bob", "+8613800138001")
    as_ada = caller(ada)
    with pytest.raises(errors.OperatorsOnly):
        ban(world, bob, by=as_ada)
    with pytest.raises(errors.OperatorsOnly):
        world.service.unban_user(types.UnbanUserRequest(caller=as_ada, id=bob.id))
    with pytest.raises(errors.OperatorsOnly):
        world.service.set_roles(
            types.SetRolesRequest(caller=as_ada, id=ada.id, version=1, roles=("operator",))
        )
    with pytest.raises(errors.UserNotFound):
        world.service.read_user(types.ReadUserRequest(caller=as_ada, id=bob.id))
    assert world.service.read_user(types.ReadUserRequest(caller=as_ada, id=ada.id)) == ada
    assert world.service.read_user(types.ReadUserRequest(caller=OPERATOR, id=bob.id)) == bob


def test_an_operator_cannot_ban_themselves(world: World) -> None:
    user = world.register()
    with pytest.raises(errors.CannotBanYourself):
        ban(world, user, by=Caller(subject=str(user.id), roles=("operator",), session=""))


def test_new_roles_are_in_the_next_token_of_the_same_session(world: World) -> None:
    user = world.register()
    tokens = world.sign_in()
    request = types.SetRolesRequest(
        caller=OPERATOR, id=user.id, version=1, roles=("operator", "customer", "customer")
    )
    assert world.service.set_roles(request).roles == ("customer", "operator")
    assert claims(world, world.refresh(tokens.refresh_token))["roles"] == ["customer", "operator"]
    with pytest.raises(errors.UserHasChanged):
        world.service.set_roles(request)


def test_only_the_sent_fields_of_a_profile_change(world: World) -> None:
    user = world.register()
    named = change(world, user, display_name=" Ada 🌸 ")
    assert (named.display_name, named.email, named.version) == ("Ada 🌸", None, 2)
    reachable = change(world, named, email="ada@example.org")
    assert (reachable.display_name, reachable.email) == ("Ada 🌸", "ada@example.org")
    assert change(world, reachable, email="").email is None
    with pytest.raises(errors.UserHasChanged):
        change(world, user, display_name="x")


def test_other_services_see_a_change_at_once(world: World) -> None:
    user = world.register()
    request = types.GetUserRequest(id=user.id)
    known = world.service.get_user(request)
    assert known == types.User(
        id=1, username="ada", display_name="ada", status=types.UserStatus.ACTIVE, roles=("customer",)
    )
    change(world, user, display_name="Countess")
    assert world.service.get_user(request).display_name == "Countess"
    ban(world, user)
    assert world.service.get_user(request).status is types.UserStatus.BANNED
    with pytest.raises(errors.UserNotFound):
        world.service.get_user(types.GetUserRequest(id=99))


@pytest.mark.parametrize("subject", ["99", "ada", "", "٣", "01", "0", "9" * 30, "9" * 5000])
def test_a_caller_who_is_not_a_user_is_not_found(world: World, subject: str) -> None:
    assert world.register().id == 1
    nobody = Caller(subject=subject, session="1")
    for ask in (
        lambda: world.service.get_profile(types.GetProfileRequest(caller=nobody)),
        lambda: world.service.sign_out(types.SignOutRequest(caller=nobody)),
        lambda: world.service.sign_out_everywhere(types.SignOutEverywhereRequest(caller=nobody)),
    ):
        with pytest.raises(errors.UserNotFound):
            ask()


def test_points_are_counted_once_for_each_payment_and_each_refund(world: World) -> None:
    user, other = world.register(), world.register("bob", "+8613800138001")
    for _ in range(3):
        world.count_points.paid(100, user.id, 1999)
        world.count_points.refunded(100, 7, user.id, 500)
        world.count_points.refunded(100, 8, user.id, 500)
    world.count_points.paid(101, user.id, 150)
    assert points(world, user) == 9 + 1
    assert points(world, other) == 0


def test_keys_rotate_and_no_token_that_lives_is_ever_without_its_key(world: World) -> None:
    world.register()
    signed_by: set[str] = set()
    for _ in range(4):
        alive = [world.sign_in()]
        for _ in range(30):
            # Issue a token each minute around the change of keys, and verify each until it expires.
            world.clock.forward(timedelta(minutes=1))
            alive.append(world.refresh(alive[-1].refresh_token))
            for tokens in alive[-5:]:
                claims(world, tokens)
            signed_by.add(kid_of(alive[-1]))
        world.clock.forward(TERMS.term - timedelta(minutes=30))
    assert len(signed_by) == 4


def kid_of(tokens: types.Tokens) -> str:
    return str(jwt.get_unverified_header(tokens.access_token)["kid"])


def test_a_new_key_is_published_before_it_signs(world: World) -> None:
    first = world.keys.signing()
    world.clock.forward(TERMS.term - TERMS.lead)
    assert [key.number for key in world.keys().keys] == [1, 2]
    assert world.keys.signing() == first
    world.clock.forward(TERMS.lead)
    assert world.keys.signing().number == 2
    world.clock.forward(TERMS.keep)
    assert [key.number for key in world.keys().keys] == [2]


def test_only_expired_sessions_are_deleted(world: World) -> None:
    world.register()
    world.sign_in()
    world.clock.forward(timedelta(days=1))
    tokens = world.sign_in()
    world.clock.forward(LIFE - timedelta(hours=1))
    assert (world.forget_sessions(), world.forget_sessions()) == (True, False)
    world.refresh(tokens.refresh_token)
