from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.choose_password import ChoosePassword
from aether_user.application.ports import Clock, Ids, Passwords, Transactions
from aether_user.application.views import profile
from aether_user.domain.user import User
from aether_user.domain.values import DisplayName, Email, Mobile, Username


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(port.Register):
    """Registers a customer under a unique username and mobile."""

    transactions: Transactions
    passwords: Passwords
    choose_password: ChoosePassword
    clock: Clock
    ids: Ids

    def __call__(self, request: types.RegisterRequest, /) -> types.Profile:
        username = Username.of(request.username)
        mobile = Mobile.of(request.mobile)
        email = Email.of(request.email) if request.email else None
        display_name = DisplayName.of(request.display_name or request.username)
        user = User.register(
            self.ids.next(),
            username=username,
            mobile=mobile,
            email=email,
            display_name=display_name,
            password_hash="",
            now=self.clock.now(),
        )
        password = self.choose_password(request.password, *user.names)
        user = user.with_hash(self.passwords.hash(password))
        return profile(self.transactions.run(lambda unit: unit.users.add(user)))
