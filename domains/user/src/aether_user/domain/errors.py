"""What can go wrong by the rules: three kinds, and one class for each broken rule.

A message says what to do next. The public attributes reach the caller as the problem's values; none of them ever
holds a secret.
"""

from datetime import datetime


class Invalid(Exception):
    """A value that breaks a rule, whatever the state of things."""


class NotFound(Exception):
    """There is no such thing, or it is not the caller's to see."""


class Conflict(Exception):
    """The state of things does not allow it now."""


class UsernameNotUsable(Invalid):
    def __init__(self, username: str) -> None:
        super().__init__(
            "A username has 3 to 32 letters, digits, dots, dashes and underscores, and begins with a letter: "
            "choose another."
        )
        self.username = username


class MobileNotUsable(Invalid):
    def __init__(self, mobile: str) -> None:
        super().__init__("A mobile is written in E.164, such as +8613800138000: write it so.")
        self.mobile = mobile


class EmailNotUsable(Invalid):
    def __init__(self, email: str) -> None:
        super().__init__("This is no e-mail address: check it for a slip, or leave it out.")
        self.email = email


class DisplayNameNotUsable(Invalid):
    def __init__(self, length: int, limit: int) -> None:
        super().__init__(
            f"A display name has 1 to {limit} characters that can be seen, this one has {length}: choose another."
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


class RolesNotUsable(Invalid):
    def __init__(self, roles: tuple[str, ...]) -> None:
        super().__init__("A user has one or more of the roles customer and operator: name those.")
        self.roles = roles


class UserNotFound(NotFound):
    def __init__(self, user_id: int) -> None:
        super().__init__(f"There is no user {user_id} here: check the id.")
        self.user_id = user_id


class UsernameUnknown(NotFound):
    def __init__(self, username: str) -> None:
        super().__init__(f"Nobody is called {username} here: register first, or check the username.")
        self.username = username


class UsernameTaken(Conflict):
    def __init__(self, username: str) -> None:
        super().__init__(f"Somebody else is called {username}: choose another username.")
        self.username = username


class MobileTaken(Conflict):
    def __init__(self, mobile: str) -> None:
        super().__init__(f"{mobile} belongs to another user: sign in, or use another mobile.")
        self.mobile = mobile


class UserHasChanged(Conflict):
    def __init__(self, user_id: int, version: int) -> None:
        super().__init__(f"{user_id} is no longer at version {version}: read it again.")
        self.user_id = user_id
        self.version = version


class SessionHasChanged(Conflict):
    def __init__(self, session_id: int) -> None:
        super().__init__("This session was changed at the same time: try again.")
        self.session_id = session_id


class KeysHaveChanged(Conflict):
    def __init__(self, number: int) -> None:
        super().__init__(f"There is a signing key {number} already: read them again.")
        self.number = number


class UserAlreadyBanned(Conflict):
    def __init__(self, user_id: int, banned_at: datetime) -> None:
        super().__init__(f"{user_id} is banned already: there is nothing to do.")
        self.user_id = user_id
        self.banned_at = banned_at


class UserNotBanned(Conflict):
    def __init__(self, user_id: int) -> None:
        super().__init__(f"{user_id} is not banned: there is nothing to do.")
        self.user_id = user_id


class CannotBanYourself(Conflict):
    def __init__(self, user_id: int) -> None:
        super().__init__("You would lock yourself out: let another operator do it.")
        self.user_id = user_id


class OperatorsOnly(Conflict):
    def __init__(self) -> None:
        super().__init__("This is for operators: ask one.")


class UserIsBanned(Conflict):
    """Said only to who knows the password."""

    def __init__(self, banned_at: datetime) -> None:
        super().__init__("You are banned: write to the operators.")
        self.banned_at = banned_at


class SignInRefused(Conflict):
    """The same, whether there is no such user or the password is wrong; so it carries nothing."""

    def __init__(self) -> None:
        super().__init__("There is no user with this name and password: check both.")


class RefreshTokenRefused(Conflict):
    """The same, whether the token never was, is over, or was used before; so it carries nothing."""

    def __init__(self) -> None:
        super().__init__("This refresh token is good no longer: sign in again.")
