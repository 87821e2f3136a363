"""Both doors, in this process, on free ports: the same answers, the same errors, and nobody without a token."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import httpx
import pytest
from aether_adapters.errors import RemoteError
from aether_adapters.grpc import Channel, Server
from aether_adapters.health import Health
from aether_adapters.keys import DevelopmentKeys, Keys
from aether_adapters.rest import Offload, RestApp, build_app, serve
from aether_adapters.tokens import Issuer, Verifier

from aether.common.v1.types import Caller
from aether.promotion.v1 import grpc, port, threads, types
from aether_openapi import promotion as rest
from aether_promotion.container import ERRORS

from .conftest import World


@dataclass(frozen=True)
class Doors:
    """The service as its callers see it; `ada` and `nobody` speak REST, `stub` speaks gRPC as ada."""

    ada: httpx.Client
    nobody: httpx.Client
    stub: port.PromotionService
    stub_of_nobody: port.PromotionService


@contextmanager
def serving(app: RestApp) -> Iterator[int]:
    """The port on which the edge answers."""
    stop, started = Event(), SimpleQueue[int]()
    thread = Thread(target=serve, args=(app, "127.0.0.1", 0, stop), kwargs={"started": started.put})
    thread.start()
    yield started.get(timeout=10)
    stop.set()
    thread.join()


@pytest.fixture
def doors(world: World, tmp_path: Path) -> Iterator[Doors]:
    pair = DevelopmentKeys(tmp_path).ensure()
    verify = Verifier(Keys.from_file(pair.jwks), "tests", "aether")
    token = Issuer(pair.private_key, "tests", "aether", pair.kid).issue("ada")
    health = Health({})
    service = threads.in_threads(world.service, Offload(threads=4, queue=8))
    app = build_app(rest.CONTRACT, rest.operations(service), errors=ERRORS, verify=verify, health=health)
    server = Server(
        [grpc.service(world.service)],
        errors=ERRORS,
        verify=verify,
        health=health,
        address="127.0.0.1:0",
    )
    with ExitStack() as stack:
        server.start()
        stack.callback(server.stop)
        url = f"http://127.0.0.1:{stack.enter_context(serving(app))}"
        target = f"127.0.0.1:{server.port}"
        bearer = {"authorization": f"Bearer {token}"}
        yield Doors(
            ada=stack.enter_context(httpx.Client(base_url=url, headers=bearer)),
            nobody=stack.enter_context(httpx.Client(base_url=url)),
            stub=grpc.client(stack.enter_context(Channel(target, token=lambda: token))),
            stub_of_nobody=grpc.client(stack.enter_context(Channel(target))),
        )


def test_what_one_door_creates_the_other_reads(doors: Doors) -> None:
    created = doors.ada.post("/v1/coupons", json={"title": "First"})
    assert created.status_code == 201
    assert created.headers["location"] == "/v1/coupons/1"
    assert created.headers["etag"] == '"1"'
    assert created.json() == {
        "id": "1",
        "title": "First",
        "status": "COUPON_STATUS_OPEN",
        "version": "1",
        "createdAt": "2030-01-01T00:00:00Z",
    }
    read = doors.stub.get_coupon(types.GetCouponRequest(id=1))
    assert (read.id, read.title, read.status) == (1, "First", types.CouponStatus.OPEN)
    seen = {"if-match": created.headers["etag"]}
    closed = doors.ada.post("/v1/coupons/1/close", headers=seen)
    assert closed.json()["status"] == "COUPON_STATUS_CLOSED"
    first_page = types.ListCouponsRequest(page_size=0, page_token="")
    (listed,) = doors.stub.list_coupons(first_page).coupons
    assert listed.version == 2
    assert doors.ada.get("/v1/tally").json() == {"created": "0", "closed": "0"}


def test_an_error_has_the_same_bytes_at_both_doors(doors: Doors) -> None:
    doors.ada.post("/v1/coupons", json={"title": "First"})
    doors.ada.post("/v1/coupons/1/close", headers={"if-match": '"1"'})

    def close(coupon_id: int, version: int) -> tuple[int, bytes]:
        answer = doors.ada.post(
            f"/v1/coupons/{coupon_id}/close",
            headers={"if-match": f'"{version}"'},
        )
        request = types.CloseCouponRequest(id=coupon_id, version=version)
        with pytest.raises(RemoteError) as refused:
            doors.stub.close_coupon(request)
        assert answer.content == refused.value.problem.to_json()
        return answer.status_code, answer.content

    for coupon_id, version, status, kind in (
        (2, 1, 404, b"/problems/promotion/coupon-not-found"),
        (1, 2, 409, b"/problems/promotion/coupon-already-closed"),
        (1, 1, 412, b"/problems/promotion/coupon-has-changed"),
    ):
        answered, body = close(coupon_id, version)
        assert answered == status
        assert kind in body


def test_nobody_gets_in_without_a_token(doors: Doors) -> None:
    assert doors.nobody.get("/v1/coupons/1").status_code == 401
    with pytest.raises(RemoteError) as refused:
        doors.stub_of_nobody.get_coupon(types.GetCouponRequest(id=1))
    assert refused.value.problem.status == 401


def test_a_request_cannot_say_whom_it_comes_from(doors: Doors) -> None:
    body = {"title": "First", "caller": {"subject": "bob"}}
    sent = doors.ada.post("/v1/coupons", json=body)
    assert sent.status_code == 400
    forged = types.CreateCouponRequest(caller=Caller(subject="bob", session=""), title="First")
    created = doors.stub.create_coupon(forged)
    assert doors.ada.get(f"/v1/coupons/{created.id}").status_code == 200
