"""While a server is down the service reports it, does without it where it can, and recovers by itself."""

import time
from pathlib import Path

import pytest
from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.testing.readiness import Environment, ReadinessSuite
from aether_adapters.testing.waiting import eventually

from aether.common.v1.types import Caller
from aether.user.v1 import types
from aether_user.__main__ import migrations
from aether_user.container import Container

ADA = types.RegisterRequest(username="ada", mobile="+8613800138000", password="correct horse")
SIGN_IN = types.SignInRequest(login="ada", password="correct horse", client_address="192.0.2.1")


class TestReadiness(ReadinessSuite):
    package = "aether_user"
    prefix = "USER"
    script_location = migrations()
    container_type = Container

    def variables(self, folder: Path) -> dict[str, str]:
        return {"HASH_KIBIBYTES": "32", "KEY_SECRET": "only this test knows"}

    def test_without_redis_everybody_gets_in_and_only_the_list_of_sessions_waits(
        self, container: Container, environment: Environment, tmp_path: Path
    ) -> None:
        service = container.service()
        user = service.register(ADA)
        ada = Caller(subject=str(user.id), session="")
        begun = time.monotonic()
        tokens = service.sign_in(SIGN_IN)
        assert service.get_user(types.GetUserRequest(id=user.id)).username == "ada"
        with pytest.raises(Unavailable):
            service.list_sessions(types.ListSessionsRequest(caller=ada))
        assert time.monotonic() - begun < 4.5, "nothing waits until its deadline"

        def addresses() -> list[str]:
            nonlocal tokens
            tokens = service.refresh_tokens(
                types.RefreshTokensRequest(refresh_token=tokens.refresh_token, client_address="192.0.2.2")
            )
            try:
                sessions = service.list_sessions(types.ListSessionsRequest(caller=ada)).sessions
            except Unavailable:
                return []
            return [session.address for session in sessions]

        with EmbeddedRedis(tmp_path / "redis", port=environment.redis_port):
            eventually(lambda: addresses() == ["192.0.2.2"], "the session is listed")
