"""E8: both servers limit, a call is counted once, and only a service says where a client is."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer
from aether_adapters.embedded import EmbeddedKafka, EmbeddedRedis, children
from aether_adapters.grpc.metadata import SERVICE_AUTHORIZATION
from aether_tools.runner.plan import Servers, plan
from aether_tools.runner.ports import Ports
from aether_tools.workspace import ISSUER, Workspace

from aether.user.v1 import codec, types
from tests.attacks.conftest import victim_of
from tests.attacks.rpc import LIST, PAGE_OF_ONE, bearer, channel
from tests.support.acme import Acme
from tests.support.roles import START_SECONDS

ROOT = Path(__file__).parents[2]
SIGN_IN = "/aether.user.v1.UserService/SignIn"
SESSIONS = "/aether.user.v1.UserService/ListSessions"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Shop:
    """The domain user as deployed: a gateway in front of its gRPC server."""

    rest: str
    grpc: str
    users: Issuer
    services: Issuer

    def sign_in(self, login: str, address: str, *metadata: tuple[str, str]) -> types.Tokens:
        """Sign in over gRPC with the word that the client is at `address`."""
        request = types.SignInRequest(login=login, password=PASSWORD, client_address=address)
        data = self.call(SIGN_IN, codec.sign_in_request_to_wire(request), *metadata)
        return codec.tokens_from_wire(data)

    def call(self, path: str, data: bytes, *metadata: tuple[str, str]) -> bytes:
        with grpc.insecure_channel(self.grpc) as channel:
            return bytes(channel.unary_unary(path, None, None)(data, timeout=20, metadata=metadata))

    def addresses(self, access_token: str) -> set[str]:
        """Return where the user's sessions were opened."""
        request = codec.list_sessions_request_to_wire(types.ListSessionsRequest())
        data = self.call(SESSIONS, request, ("authorization", f"Bearer {access_token}"))
        return {session.address for session in codec.list_sessions_response_from_wire(data).sessions}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("user")
    workspace, ports = Workspace.find(ROOT), Ports()
    DevelopmentKeys(workspace.service_keys).ensure()
    users, services = (DevelopmentKeys(each).ensure() for each in (workspace.keys, workspace.service_keys))
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(folder / "redis", port=children.free_port()))
        kafka = stack.enter_context(EmbeddedKafka({"aether.user.v1": 2, "aether.trade.v1": 2}))
        servers = Servers({"user": f"sqlite:///{folder / 'user.db'}"}, redis.url, kafka.bootstrap)
        layout = plan(workspace, workspace.chosen(("user",)), servers, ports, gateway=True, port_base=0)
        for process in layout.processes:
            log = folder / f"{process.name}.log"
            running = children.start(
                [sys.executable, "-m", process.domain.package, *process.roles],
                log=log,
                cwd=ROOT,
                env={**os.environ, **process.env, "USER_DOOR_RATE": "0.01", "USER_HASH_PASSES": "1"},
            )
            stack.callback(children.stop, running)
            ready = f"http://127.0.0.1:{process.health}/readyz"
            children.wait_until(
                lambda ready=ready: _answers(ready),  # type: ignore[misc]
                running,
                log=log,
                seconds=START_SECONDS,
                every=0.1,
            )
        (served,) = layout.served
        user_issuer, service_issuer = (
            Issuer(keys.private_key, ISSUER, workspace.name, keys.kid) for keys in (users, services)
        )
        yield Shop(served.rest, served.grpc, user_issuer, service_issuer)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _register(shop: Shop, name: str, mobile: str) -> None:
    body = {"username": name, "mobile": mobile, "password": PASSWORD}
    with _client(shop, "127.0.0.9") as client:
        assert client.post("/v1/users", json=body).status_code == 201


def _client(shop: Shop, address: str) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=shop.rest, transport=transport, timeout=20)


def _remaining(answer: httpx.Response) -> int:
    found = re.search(r";r=(\d+)", answer.headers["ratelimit"])
    assert found, answer.headers
    return int(found[1])


def test_a_call_through_the_gateway_is_counted_once_and_its_word_is_believed(shop: Shop) -> None:
    _register(shop, "grace", "+8613800138001")
    with _client(shop, "127.0.0.5") as client:
        body = {"login": "grace", "password": PASSWORD}
        answers = [client.post("/v1/sessions", json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert [_remaining(answer) for answer in answers] == [29, 28, 27]
    assert shop.addresses(answers[0].json()["accessToken"]) == {"127.0.0.5"}


def test_a_client_of_the_grpc_server_is_where_its_connection_comes_from(shop: Shop) -> None:
    _register(shop, "edsger", "+8613800138002")
    assert shop.addresses(shop.sign_in("edsger", "198.51.100.6").access_token) == {"127.0.0.1"}


def test_a_service_says_where_its_client_is_and_nobody_else_does(shop: Shop) -> None:
    _register(shop, "barbara", "+8613800138003")
    token = shop.services.issue("aether-user", service=True)
    vouched = shop.sign_in("barbara", "198.51.100.7", (SERVICE_AUTHORIZATION, f"Bearer {token}"))
    assert shop.addresses(vouched.access_token) == {"198.51.100.7"}
    for word in (shop.users.issue("ada"), token[:-8] + "AAAAAAAA", "nonsense"):
        with pytest.raises(grpc.RpcError) as refused:
            shop.sign_in("barbara", "198.51.100.8", (SERVICE_AUTHORIZATION, f"Bearer {word}"))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert SERVICE_AUTHORIZATION in str(refused.value.details())


def test_sixty_sign_ins_over_grpc_are_limited_by_where_they_come_from(shop: Shop) -> None:
    """Each names another user and another address."""
    outcomes: Counter[str] = Counter()
    for number in range(60):
        try:
            shop.sign_in(f"nobody{number}", f"198.51.100.{number}")
        except grpc.RpcError as error:
            outcomes[error.code().name] += 1
    assert outcomes["RESOURCE_EXHAUSTED"] >= 30
    assert sum(outcomes.values()) == 60


@pytest.mark.prove
def test_a_scaffolded_domain_limits_users_at_both_servers_by_settings(billing: Acme, tmp_path: Path) -> None:
    with victim_of(billing, tmp_path, USER_RATE="0.001", USER_BURST="4") as victim:
        with victim.client() as client:
            statuses = [client.get("/v1/invoices").status_code for _ in range(3)]
        with channel(victim) as opened:
            calls = [_code(opened.unary_unary(LIST, None, None), victim.token) for _ in range(3)]
    assert statuses == [200] * 3
    assert calls == [
        grpc.StatusCode.OK,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ]


def _code(call: grpc.UnaryUnaryMultiCallable[bytes, bytes], token: str) -> grpc.StatusCode:
    try:
        call(PAGE_OF_ONE, timeout=20, metadata=bearer(token))
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
