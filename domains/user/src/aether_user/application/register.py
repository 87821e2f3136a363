from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.ports import Clock, Ids, Passwords, Transactions
from aether_user.application.views import profile
from aether_user.domain.user import User
from aether_user.domain.values import DisplayName, Email, Mobile, Password, Username


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(port.Register):
    """Registers a customer under a unique username and mobile."""

    transactions: Transactions
    passwords: Passwords
    clock: Clock
    ids: Ids

    def __call__(self, request: types.RegisterRequest, /) -> types.Profile:
        username = Username.of(request.username)
        mobile = Mobile.of(request.mobile)
        email = Email.of(request.email) if request.email else None
        display_name = DisplayName.of(request.display_name or request.username)
        password = Password.of(request.password)
        user = User.register(
            self.ids.next(),
            username=username,
            mobile=mobile,
            email=email,
            display_name=display_name,
            password_hash=self.passwords.hash(password),
            now=self.clock.now(),
        )
        return profile(self.transactions.run(lambda unit: unit.users.add(user)))
