"""REST and gRPC in this process, on free ports: the same answers and errors, and nobody without a token."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import httpx
import pytest
from aether_adapters.auth.key_sets import KeySet, Source
from aether_adapters.auth.tokens import Verifier
from aether_adapters.kernel.clock import SystemClock
from aether_adapters.kernel.problems import RemoteError
from aether_adapters.redis import MemoryCounter
from aether_adapters.rest import By, Limit, Limits
from aether_adapters.testing.edges import ServedEdges, serve_edges

from aether.user.v1 import grpc, port, threads, types
from aether_openapi import user as rest
from aether_user.adapters.passwords import Argon2Passwords
from aether_user.adapters.published import PublishedKeys
from aether_user.application.ports import Passwords
from aether_user.container import ERRORS

from .conftest import PASSWORD, a_world
from .memory import PlainPasswords

ADA = {"username": "ada", "mobile": "+8613800138000", "password": PASSWORD, "displayName": "Ada 🌸"}


@dataclass(frozen=True)
class Clients:
    """The service as its callers see it; `nobody` and `operator` speak REST, the stubs gRPC."""

    edges: ServedEdges[port.UserService]
    nobody: httpx.Client
    operator: httpx.Client
    service: port.UserService
    stub_of_nobody: port.UserService

    def register(self) -> httpx.Response:
        return self.nobody.post("/v1/users", json=ADA)

    def sign_in(self, login: str = "ada", password: str = PASSWORD) -> httpx.Response:
        return self.nobody.post("/v1/sessions", json={"login": login, "password": password})

    def ada(self) -> httpx.Client:
        """Ada, signed in."""
        return self.edges.rest(self.sign_in().json()["accessToken"])


@contextmanager
def opened(
    folder: Path, passwords: Passwords, limits: Limits | None = None, tries: int = 5
) -> Iterator[Clients]:
    world = a_world(SystemClock(), passwords, tries)
    with serve_edges(
        world.service,
        folder,
        rest=rest,
        grpc=grpc,
        threads=threads,
        errors=ERRORS,
        limits=limits,
        published_keys=PublishedKeys(world.service.get_keys),
    ) as edges:
        yield Clients(
            edges=edges,
            nobody=edges.rest(),
            operator=edges.rest(edges.token("9000", "operator")),
            service=edges.stub(edges.token("trade", service=True)),
            stub_of_nobody=edges.stub(),
        )


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Clients]:
    with opened(tmp_path, PlainPasswords()) as clients:
        yield clients


def test_tokens_and_profiles_are_kept_by_nobody_and_keys_for_a_minute(clients: Clients) -> None:
    clients.register()
    tokens = clients.sign_in()
    again = clients.nobody.post("/v1/sessions/refresh", json={"refreshToken": tokens.json()["refreshToken"]})
    for answer in (tokens, again, clients.ada().get("/v1/me"), clients.sign_in(password="wrong")):
        assert answer.headers["cache-control"] == "no-store"
    assert again.status_code == 200
    keys = clients.nobody.get("/v1/.well-known/jwks.json")
    assert (keys.status_code, keys.headers["cache-control"]) == (200, "public, max-age=60")


def test_who_registers_signs_in_and_reads_what_is_his(clients: Clients) -> None:
    registered = clients.register()
    assert registered.status_code == 201
    assert registered.headers["etag"] == '"1"'
    user = registered.json()
    assert registered.headers["location"] == f"/v1/users/{user['id']}"
    assert user == {
        "id": user["id"],
        "username": "ada",
        "mobile": "+8613800138000",
        "displayName": "Ada 🌸",
        "roles": ["customer"],
        "status": "USER_STATUS_ACTIVE",
        "version": "1",
        "createdAt": user["createdAt"],
    }
    with clients.ada() as ada:
        assert ada.get("/v1/me").json() == user
        assert ada.get(registered.headers["location"]).json() == user
        assert ada.get("/v1/me/points").json() == {"balance": "0"}
        (session,) = ada.get("/v1/sessions").json()["sessions"]
        assert (session["current"], session["address"]) == (True, "127.0.0.1")
        changed = ada.patch("/v1/me", json={"email": "a@example.org"}, headers={"if-match": '"1"'})
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        stale = ada.patch("/v1/me", json={"email": ""}, headers={"if-match": '"1"'})
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/user/user-has-changed")
        assert ada.delete("/v1/sessions/current").status_code == 204
        assert ada.get("/v1/sessions").json() == {"sessions": []}


def test_the_published_keys_are_a_key_set_that_anybody_can_read(clients: Clients) -> None:
    clients.register()
    published = clients.nobody.get("/v1/.well-known/jwks.json")
    keys = KeySet(Source("published", lambda: published.content))
    token = clients.sign_in().json()["accessToken"]
    assert Verifier(keys, "tests", "aether")(token).roles == ("customer",)


def test_a_session_goes_on_until_its_token_is_used_twice(clients: Clients) -> None:
    clients.register()
    first = clients.sign_in()
    assert first.status_code == 201
    used = {"refreshToken": first.json()["refreshToken"]}
    second = clients.nobody.post("/v1/sessions/refresh", json=used)
    assert second.status_code == 200
    assert second.json()["refreshToken"] != used["refreshToken"]
    for body in (used, {"refreshToken": second.json()["refreshToken"]}, {"refreshToken": "x"}):
        refused = clients.nobody.post("/v1/sessions/refresh", json=body)
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/user/refresh-token-refused")


def test_no_such_user_and_a_wrong_password_have_the_same_bytes(clients: Clients) -> None:
    clients.register()
    answers = [clients.sign_in("ada", "wrong"), clients.sign_in("eve"), clients.sign_in("+8613800138009")]
    unlike = {"x-request-id", "date"}
    shown = [
        (answer.status_code, {k: v for k, v in answer.headers.items() if k not in unlike}, answer.content)
        for answer in answers
    ]
    assert shown == [shown[0]] * 3
    assert shown[0][0] == 401


def test_a_ban_reaches_whoever_has_a_token(clients: Clients) -> None:
    user_id = clients.register().json()["id"]
    tokens = clients.sign_in().json()
    banned = clients.operator.post(f"/v1/users/{user_id}/ban")
    assert (banned.status_code, banned.json()["status"]) == (200, "USER_STATUS_BANNED")
    refused = clients.sign_in()
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/user/user-is-banned")
    body = {"refreshToken": tokens["refreshToken"]}
    assert clients.nobody.post("/v1/sessions/refresh", json=body).status_code == 401
    again = clients.operator.post(f"/v1/users/{user_id}/ban")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/user/user-already-banned")
    assert clients.operator.post(f"/v1/users/{user_id}/unban").status_code == 200
    assert clients.sign_in().status_code == 201


def test_a_customer_finds_nobody_else_and_operates_nothing(clients: Clients) -> None:
    clients.register()
    other = clients.nobody.post("/v1/users", json=ADA | {"username": "bob", "mobile": "+8613800138001"})
    where = other.headers["location"]
    roles, seen = {"roles": ["operator"]}, {"if-match": '"1"'}
    with clients.ada() as ada:
        assert ada.get(where).status_code == ada.get("/v1/users/12345").status_code == 404
        for answer in (
            ada.post(f"{where}/ban"),
            ada.post(f"{where}/unban"),
            ada.put(f"{where}/roles", json=roles, headers=seen),
        ):
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/user/operators-only")
    given = clients.operator.put(f"{where}/roles", json=roles, headers=seen)
    assert (given.status_code, given.json()["roles"]) == (200, ["operator"])


def test_an_error_has_the_same_bytes_over_rest_and_grpc(clients: Clients) -> None:
    clients.register()
    request = types.RegisterRequest(username="ada", mobile="+8613800138000", password=PASSWORD)
    with pytest.raises(RemoteError) as refused:
        clients.stub_of_nobody.register(request)
    for client in (clients.nobody, clients.edges.gateway()):
        answer = client.post("/v1/users", json=ADA)
        assert (answer.status_code, answer.content) == (409, refused.value.problem.to_json())


def test_who_somebody_is_learn_services_only(clients: Clients) -> None:
    user_id = int(clients.register().json()["id"])
    found = clients.service.get_user(types.GetUserRequest(id=user_id))
    assert (found.username, found.display_name, found.roles) == ("ada", "Ada 🌸", ("customer",))
    with pytest.raises(RemoteError) as refused:
        clients.stub_of_nobody.get_user(types.GetUserRequest(id=user_id))
    assert refused.value.problem.status == 401


def test_nobody_gets_in_without_a_token(clients: Clients) -> None:
    asked = [
        ("GET", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("GET", "/v1/me/points"),
        ("GET", "/v1/sessions"),
        ("DELETE", "/v1/sessions"),
        ("DELETE", "/v1/sessions/current"),
        ("DELETE", "/v1/sessions/1"),
        ("PUT", "/v1/me/password"),
        ("GET", "/v1/users/1"),
        ("PUT", "/v1/users/1/roles"),
        ("POST", "/v1/users/1/ban"),
        ("POST", "/v1/users/1/unban"),
    ]
    for method, path in asked:
        assert clients.nobody.request(method, path).status_code == 401, path
    with pytest.raises(RemoteError) as refused:
        clients.stub_of_nobody.get_profile(types.GetProfileRequest())
    assert refused.value.problem.status == 401


def test_a_refused_password_is_not_repeated_in_the_answer(clients: Clients) -> None:
    for body in (ADA | {"password": "secret"}, ADA | {"password": "secret" * 100}, ADA | {"pass": "secret"}):
        answer = clients.nobody.post("/v1/users", json=body)
        assert answer.status_code == 400
        assert "secret" not in answer.text


def test_too_many_attempts_are_refused_with_a_retry_hint(clients: Clients) -> None:
    answers = [clients.sign_in("eve") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    refused = answers[-1].headers
    assert (refused["retry-after"], refused["ratelimit"]) == ("1", '"user";r=0;t=1')


def test_the_door_is_limited_more_strictly_than_the_rest(tmp_path: Path) -> None:
    sign_in = Limit(name="door", by=By.ADDRESS, rate=0.1, burst=2, counter=MemoryCounter(clock=lambda: 0.0))
    limits = Limits(operations={"signIn": (sign_in,), "register": (sign_in,)})
    with opened(tmp_path, PlainPasswords(), limits) as clients:
        clients.register()
        assert clients.sign_in().status_code == 201
        refused = clients.sign_in()
        assert (refused.status_code, refused.headers["ratelimit"]) == (429, '"door";r=0;t=10')
        assert refused.headers["retry-after"] == "10"
        assert clients.nobody.get("/v1/.well-known/jwks.json").status_code == 200


def test_a_revoked_token_is_refused_by_the_one_who_gave_it(clients: Clients) -> None:
    user_id = clients.register().json()["id"]
    with clients.ada() as ada:
        assert ada.get("/v1/me").status_code == 200
        clients.edges.verify.revoke(subject=user_id, before=datetime.now(UTC).timestamp())
        assert ada.get("/v1/me").status_code == 401
    with clients.ada() as ada:
        assert ada.get("/v1/me").status_code == 200, "signed in again"


@pytest.mark.prove
@pytest.mark.timeout(900)  # two hashes a pair at production cost
def test_at_production_cost_a_wrong_password_takes_as_long_as_no_such_user(tmp_path: Path) -> None:
    """Compare AETHER_TIMING_PAIRS pairs; each pair's first is the other kind than the one before.

    A sample compares processor time, which a busy machine hardly changes; from 300 pairs on, the time of the clock counts
    too.
    """
    pairs = int(os.environ.get("AETHER_TIMING_PAIRS", "60"))
    passwords = Argon2Passwords(passes=3, kibibytes=65536, lanes=4, at_once=4, waiting=4)
    with opened(tmp_path, passwords, tries=1000) as clients:
        clients.register()
        took: dict[str, list[tuple[float, float]]] = {"ada": [], "eve": []}
        for number in range(pairs):
            for login in ("ada", "eve") if number % 2 else ("eve", "ada"):
                cpu, started = process_time(), perf_counter()
                assert clients.sign_in(login, "wrong").status_code == 401
                took[login].append((process_time() - cpu, perf_counter() - started))
    for clock, what in ((0, "processor"), (1, "clock")):
        known, unknown = (median(each[clock] for each in took[login]) for login in ("ada", "eve"))
        print(f"{what}: wrong password {known * 1000:.1f} ms, no such user {unknown * 1000:.1f} ms")
        assert (clock and pairs < 300) or abs(known - unknown) / max(known, unknown) < 0.05, what
