"""Errors of the domain: three kinds, and one class for each broken rule.

A message says what to do next. The public attributes reach the caller as the problem's values; none of them ever
holds a secret.
"""

from datetime import datetime


class Invalid(Exception):
    """A value breaks a rule, whatever the state."""


class NotFound(Exception):
    """The object does not exist, or the caller may not see it."""


class Conflict(Exception):
    """The current state does not allow the request."""


class UsernameNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__(
            "A username has 3 to 32 letters, digits, dots, dashes and underscores, and begins with a letter: "
            "choose another."
        )


class MobileNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__("A mobile must be in E.164 format: write it like +8613800138000.")


class EmailNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__("This is not an e-mail address: correct it, or leave it out.")


class DisplayNameNotUsable(Invalid):
    def __init__(self, length: int, limit: int) -> None:
        super().__init__(
            f"A display name has 1 to {limit} visible characters, this one has {length}: choose another."
        )
        self.length = length
        self.limit = limit


class PasswordNotUsable(Invalid):
    def __init__(self, length: int, least: int, most: int) -> None:
        super().__init__(
            f"A password has {least} to {most} characters, this one has {length}: choose another."
        )
        self.length = length
        self.least = least
        self.most = most


class PasswordGuessable(Invalid):
    """It does not say why, and carries no values: they would be the password."""

    def __init__(self) -> None:
        super().__init__(
            "This password is among those that attackers try first, such as leaked ones and your own names: "
            "choose another."
        )


class RolesNotUsable(Invalid):
    def __init__(self) -> None:
        super().__init__("A user has one or both of the roles customer and operator: send only these.")


class UserNotFound(NotFound):
    def __init__(self, user_id: int) -> None:
        super().__init__(f"User {user_id} does not exist: check the id.")
        self.user_id = user_id


class UsernameUnknown(NotFound):
    def __init__(self, username: str) -> None:
        super().__init__(f"User {username} does not exist: register first, or check the username.")
        self.username = username


class UsernameTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("This username is taken: choose another.")


class MobileTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("This mobile is taken: sign in, or use another.")


class UserHasChanged(Conflict):
    def __init__(self, user_id: int, version: int) -> None:
        super().__init__(f"User {user_id} is no longer at version {version}: read it again.")
        self.user_id = user_id
        self.version = version


class SessionHasChanged(Conflict):
    def __init__(self, session_id: int) -> None:
        super().__init__("This session was changed at the same time: try again.")
        self.session_id = session_id


class KeysHaveChanged(Conflict):
    def __init__(self, number: int) -> None:
        super().__init__(f"Signing key {number} already exists: read the keys again.")
        self.number = number


class UserAlreadyBanned(Conflict):
    def __init__(self, user_id: int, banned_at: datetime) -> None:
        super().__init__(f"User {user_id} is already banned: there is nothing to do.")
        self.user_id = user_id
        self.banned_at = banned_at


class UserNotBanned(Conflict):
    def __init__(self, user_id: int) -> None:
        super().__init__(f"User {user_id} is not banned: there is nothing to do.")
        self.user_id = user_id


class CannotBanYourself(Conflict):
    def __init__(self, user_id: int) -> None:
        super().__init__("You cannot ban yourself: ask another operator.")
        self.user_id = user_id


class OperatorsOnly(Conflict):
    def __init__(self) -> None:
        super().__init__("Only an operator may do this: ask an operator.")


class UserIsBanned(Conflict):
    """Raised only if the password is right."""

    def __init__(self, banned_at: datetime) -> None:
        super().__init__("You are banned: contact the operators.")
        self.banned_at = banned_at


class SignInRefused(Conflict):
    """The same for an unknown user and a wrong password, so it carries no values."""

    def __init__(self) -> None:
        super().__init__("The login name or the password is wrong: check both.")


class OldPasswordWrong(Conflict):
    def __init__(self) -> None:
        super().__init__("The old password is wrong: check it, or reset it.")


class ResetTokenRefused(Conflict):
    """The same for an unknown, expired or used token, so it carries no values."""

    def __init__(self) -> None:
        super().__init__("This token to reset the password is not valid: request another.")


class RefreshTokenRefused(Conflict):
    """The same for an unknown, expired, revoked or used token, so it carries no values."""

    def __init__(self) -> None:
        super().__init__("This refresh token is not valid: sign in again.")
