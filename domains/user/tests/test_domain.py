"""The domain's rules, on plain objects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe

import pytest

from aether_user.domain import errors
from aether_user.domain.events import (
    SessionsRevoked,
    UserBanned,
    UserChanged,
    UserRegistered,
    UserUnbanned,
)
from aether_user.domain.keys import KeyRing, SigningKey, Terms
from aether_user.domain.password_reset import PasswordReset, ResetToken
from aether_user.domain.points import OrderPoints
from aether_user.domain.refresh_token import RefreshToken
from aether_user.domain.session import Session
from aether_user.domain.user import NEW_EMAIL_SETTLES_IN, User
from aether_user.domain.values import (
    DISPLAY_NAME_LIMIT_CHARACTERS,
    PASSWORD_MAX_CHARACTERS,
    DisplayName,
    Email,
    Mobile,
    Password,
    Role,
    Status,
    Username,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2030, 1, 2, 12, tzinfo=UTC)
LIFE = timedelta(days=14)
EVERYWHERE = SessionsRevoked(user_id=7, session_id=None, occurred_at=LATER)


def new() -> User:
    return User.register(
        7,
        username=Username("Ada"),
        mobile=Mobile("+8613800138000"),
        email=None,
        display_name=DisplayName("Ada 🌸"),
        password_hash="$argon2id$...",
        now=NOON,
    )


def test_a_new_user_is_an_active_customer_with_an_event() -> None:
    assert (new().status, new().roles, new().version) == (Status.ACTIVE, frozenset({Role.CUSTOMER}), 0)
    assert new().events == (UserRegistered(user_id=7, username=Username("Ada"), occurred_at=NOON),)


def test_a_hash_is_never_printed() -> None:
    assert "argon2" not in repr(new())
    assert "horse" not in repr(Password("correct horse"))


def test_a_banned_user_is_signed_out_until_unbanned() -> None:
    banned = new().stored().ban(now=LATER)
    assert (banned.status, banned.banned_at) == (Status.BANNED, LATER)
    assert banned.events == (UserBanned(user_id=7, occurred_at=LATER), EVERYWHERE)
    with pytest.raises(errors.UserAlreadyBanned) as refused:
        banned.ban(now=LATER)
    assert refused.value.banned_at == LATER
    free = banned.stored().unban(now=LATER)
    assert (free.status, free.events) == (Status.ACTIVE, (UserUnbanned(user_id=7, occurred_at=LATER),))
    with pytest.raises(errors.UserNotBanned):
        free.unban(now=LATER)


def test_a_profile_changes_only_at_its_current_version() -> None:
    stored = new().stored()
    changed = stored.change_profile(
        version=1, display_name=DisplayName("Countess"), email=Email("ada@example.org"), now=LATER
    )
    assert changed == replace(
        stored,
        display_name=DisplayName("Countess"),
        email=Email("ada@example.org"),
        email_changed_at=LATER,
    )
    assert changed.events == (UserChanged(user_id=7, occurred_at=LATER),)
    with pytest.raises(errors.UserHasChanged) as refused:
        stored.change_profile(version=2, display_name=DisplayName("x"), email=None, now=LATER)
    assert (refused.value.user_id, refused.value.version) == (7, 2)


def test_new_roles_end_the_tokens_that_name_the_old_ones() -> None:
    given = new().stored().set_roles(frozenset({Role.OPERATOR}), version=1, now=LATER)
    assert given.roles == {Role.OPERATOR}
    assert given.events == (UserChanged(user_id=7, occurred_at=LATER), EVERYWHERE)
    with pytest.raises(errors.UserHasChanged):
        new().stored().set_roles(frozenset({Role.OPERATOR}), version=3, now=LATER)


def test_storing_increments_the_version_and_clears_the_events() -> None:
    assert (new().stored().version, new().stored().events) == (1, ())


@pytest.mark.parametrize("text", ["ab", "1ab", "a" * 33, "ab c", "añb", "", "+8613800138000", "abc\n"])
def test_a_username_is_short_plain_and_begins_with_a_letter(text: str) -> None:
    with pytest.raises(errors.UsernameNotUsable):
        Username.of(text)


def test_usernames_that_differ_in_case_are_one() -> None:
    assert Username.of("Ada").folded == Username.of("aDA").folded == "ada"


@pytest.mark.parametrize(
    "text", ["13800138000", "+0123456789", "+1234567890123456", "+12 34567", "+86138x", ""]
)
def test_a_mobile_is_written_in_e164(text: str) -> None:
    with pytest.raises(errors.MobileNotUsable):
        Mobile.of(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@localhost",
        "a b@example.org",
        f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.org",
    ],
)
def test_an_email_has_a_name_and_a_domain(text: str) -> None:
    with pytest.raises(errors.EmailNotUsable):
        Email.of(text)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "x" * (DISPLAY_NAME_LIMIT_CHARACTERS + 1), "a\nb", "a\x00b", "\u200d", "\u0301", "a\u202eb"],
)
def test_a_display_name_can_be_seen(text: str) -> None:
    with pytest.raises(errors.DisplayNameNotUsable):
        DisplayName.of(text)


@pytest.mark.parametrize("text", ["👩‍💻", "Ada 🌸", "李雷", "x" * DISPLAY_NAME_LIMIT_CHARACTERS])
def test_a_display_name_may_be_of_any_script_and_of_emoji(text: str) -> None:
    assert DisplayName.of(f" {text} ") == DisplayName(text)


@pytest.mark.parametrize("text", ["x" * 7, "x" * (PASSWORD_MAX_CHARACTERS + 1)])
def test_a_password_is_neither_short_nor_endless(text: str) -> None:
    with pytest.raises(errors.PasswordNotUsable) as refused:
        Password.of(text)
    assert "xxx" not in str(refused.value) + str(vars(refused.value))


def test_what_is_typed_as_a_password_may_be_anything_but_endless() -> None:
    assert [Password.typed(text).text for text in ("", "short", "x" * PASSWORD_MAX_CHARACTERS)][1] == "short"
    with pytest.raises(errors.PasswordNotUsable):
        Password.typed("x" * (PASSWORD_MAX_CHARACTERS + 1))


def test_a_password_is_the_same_from_any_keyboard() -> None:
    assert Password.of("pässword").normal == Password.of("pa\u0308ssword").normal


@pytest.mark.parametrize("names", [(), ("admin",), ("customer", "admin")])
def test_there_are_no_other_roles(names: tuple[str, ...]) -> None:
    with pytest.raises(errors.RolesNotUsable):
        Role.all_of(names)


def opened() -> tuple[Session, RefreshToken]:
    token = RefreshToken.first(token_urlsafe)
    return Session.open(1, user_id=7, token=token, now=NOON, life=LIFE).stored(), token


def test_the_current_refresh_token_is_replaced_and_extends_the_session() -> None:
    session, token = opened()
    following = token.next(token_urlsafe)
    gone_on = session.spend(token, following=following, now=LATER, life=LIFE)
    assert gone_on == replace(session, secret=following.secret_digest, expires_at=LATER + LIFE)
    assert gone_on.events == ()


def test_a_refresh_token_that_was_used_ends_the_session_and_its_access_tokens() -> None:
    session, token = opened()
    gone_on = session.spend(token, following=token.next(token_urlsafe), now=NOON, life=LIFE).stored()
    ended = gone_on.spend(token, following=token.next(token_urlsafe), now=LATER, life=LIFE)
    assert ended.revoked_at == LATER
    assert ended.events == (SessionsRevoked(user_id=7, session_id=1, occurred_at=LATER),)
    with pytest.raises(errors.RefreshTokenRefused):
        ended.spend(token, following=token.next(token_urlsafe), now=LATER, life=LIFE)


def test_a_session_that_is_over_stays_over() -> None:
    session, token = opened()
    with pytest.raises(errors.RefreshTokenRefused):
        session.spend(token, following=token.next(token_urlsafe), now=NOON + LIFE, life=LIFE)
    ended = session.revoke(now=LATER)
    assert ended.revoke(now=LATER) is ended


def test_a_refresh_token_is_read_back_and_nothing_else_is() -> None:
    token = RefreshToken.first(token_urlsafe)
    assert RefreshToken.parse(token.text) == token
    assert token.text not in repr(token)
    for text in ("", "x", token.text[:-1], token.text + "a", token.text.replace(".", "_"), token.text + "\n"):
        assert RefreshToken.parse(text) is None


def key(number: int, signs_from: datetime) -> SigningKey:
    return SigningKey(
        number=number, kid=f"k{number}", x="x", y="y", private_pem="secret", signs_from=signs_from
    )


TERMS = Terms(term=timedelta(days=30), lead=timedelta(minutes=15), keep=timedelta(minutes=6))


def test_the_first_key_signs_at_once_and_a_later_one_is_published_before() -> None:
    assert KeyRing().next_signs_from(NOON, TERMS) == NOON
    ring = KeyRing((key(1, NOON),))
    due = NOON + TERMS.term - TERMS.lead
    assert ring.next_signs_from(due - timedelta(seconds=1), TERMS) is None
    assert ring.next_signs_from(due, TERMS) == NOON + TERMS.term
    late = due + timedelta(days=3)
    assert ring.next_signs_from(late, TERMS) == late + TERMS.lead, "published before it signs, however late"


def test_a_key_signs_from_its_time_and_the_old_one_stays_until_its_last_token_has_expired() -> None:
    turn = NOON + TERMS.term
    ring = KeyRing((key(1, NOON),)).with_key(key(2, turn))
    before, at = ring.signing(turn - timedelta(microseconds=1)), ring.signing(turn)
    assert before is not None and at is not None
    assert (before.number, at.number, ring.next_number()) == (1, 2, 3)
    assert KeyRing((key(1, NOON),)).signing(NOON - timedelta(seconds=1)) is None
    assert ring.spent(turn + TERMS.keep - timedelta(seconds=1), TERMS) == ()
    assert ring.spent(turn + TERMS.keep, TERMS) == (key(1, NOON),)
    assert "secret" not in repr(ring)


def test_an_order_earns_a_point_for_each_whole_100_cents_paid_and_not_refunded() -> None:
    entry = OrderPoints(order_id=1, user_id=7)
    assert entry.paid(1999).points == 19
    assert entry.paid(1999).refunded(100).points == 18
    assert entry.paid(1999).paid(1999).points == 19, "two events of one payment count once"
    assert entry.paid(1999).refunded(50).refunded(50) == entry.refunded(50).paid(1999).refunded(50)
    assert entry.refunded(500).points == 0, "a payment that came too late is refunded and never counts"


def test_a_password_is_changed_and_ends_the_access_tokens() -> None:
    changed = new().stored().change_password("another hash", now=LATER)
    assert changed.password_hash == "another hash"
    assert changed.events == (SessionsRevoked(user_id=7, session_id=None, occurred_at=LATER),)


def test_a_reset_goes_to_the_former_address_for_a_while() -> None:
    """Whoever steals an access token can change the address, and would get the token of a reset."""
    first, second, third = (Email(f"{name}@example.org") for name in ("first", "second", "third"))
    user = new().stored()
    assert user.reset_email(now=NOON) is None

    def moved(user: User, email: Email | None, now: datetime) -> User:
        name = user.display_name
        return user.change_profile(version=user.version, display_name=name, email=email, now=now).stored()

    owned = moved(user, first, NOON)
    assert owned.reset_email(now=NOON + NEW_EMAIL_SETTLES_IN - timedelta(seconds=1)) is None
    assert owned.reset_email(now=NOON + NEW_EMAIL_SETTLES_IN) == first
    stolen = moved(moved(owned, second, LATER), third, LATER + timedelta(hours=1))
    settles = LATER + timedelta(hours=1) + NEW_EMAIL_SETTLES_IN
    assert stolen.reset_email(now=settles - timedelta(seconds=1)) == first, "also after two changes"
    assert stolen.reset_email(now=settles) == third
    assert moved(stolen, third, settles).reset_email(now=settles) == third, "this was no change"
    assert moved(owned, None, LATER).reset_email(now=LATER) == first
    assert stolen.ban(now=LATER).reset_email(now=LATER) is None


def test_a_reset_token_is_read_back_and_nothing_else_is() -> None:
    token = ResetToken.new(token_urlsafe)
    assert ResetToken.parse(token.text) == token
    assert token.text not in repr(token) + repr(PasswordReset.open(token, user_id=7, now=NOON, life=LIFE))
    for text in ("", token.text[:-1], token.text + "x", token.text[:-1] + "\n", "é" * 43):
        assert ResetToken.parse(text) is None
