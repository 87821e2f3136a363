"""Fixtures: a small contract, in the shape of generated code, and real servers on free ports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from aether_adapters.auth.grants import ANY, Grant
from aether_adapters.auth.tokens import DevelopmentKeys, Issuer, KeySet, Verifier
from aether_adapters.grpc import Bound, Channel, Codec, Method, Server, Service
from aether_adapters.kernel.errors import Kind
from aether_adapters.kernel.identity import Access
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from grpc_tools import protoc

NAME = "probe.v1.ProbeService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    subject: str
    roles: tuple[str, ...] = ()
    session: str


NOBODY = Caller(subject="", roles=(), session="")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRequest:
    caller: Caller = NOBODY
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRequest:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    text: str
    caller: Caller = NOBODY


class AlreadyClosed(Exception):
    """A broken rule with values of every type."""

    def __init__(self, number: int, title: str, tags: tuple[str, ...]) -> None:
        super().__init__(f"Invoice {number} is already closed.")
        self.number = number
        self.title = title
        self.tags = tags


def _methods(pb: ModuleType) -> SimpleNamespace:
    ask = Codec[AskRequest](
        to_wire=lambda value: pb.AskRequest(
            caller=None
            if value.caller == NOBODY
            else pb.Caller(
                subject=value.caller.subject, roles=value.caller.roles, session=value.caller.session
            ),
            text=value.text,
        ).SerializeToString(),
        from_wire=lambda data: _ask(pb.AskRequest.FromString(data)),
    )
    plain = Codec[PlainRequest](
        to_wire=lambda value: pb.PlainRequest(text=value.text).SerializeToString(),
        from_wire=lambda data: PlainRequest(text=pb.PlainRequest.FromString(data).text),
    )
    answer = Codec[Answer](
        to_wire=lambda value: pb.Answer(
            text=value.text,
            subject=value.caller.subject,
            roles=value.caller.roles,
            session=value.caller.session,
        ).SerializeToString(),
        from_wire=lambda data: _answer(pb.Answer.FromString(data)),
    )
    return SimpleNamespace(
        ask=Method(
            path=f"/{NAME}/Ask",
            access=Access.CALLER,
            idempotent=False,
            request=ask,
            response=answer,
            caller=Caller,
        ),
        look=Method(
            path=f"/{NAME}/Look",
            access=Access.CALLER,
            idempotent=True,
            request=ask,
            response=answer,
            caller=Caller,
        ),
        ping=Method(
            path=f"/{NAME}/Ping", access=Access.PUBLIC, idempotent=False, request=plain, response=answer
        ),
        reindex=Method(
            path=f"/{NAME}/Reindex", access=Access.SERVICE, idempotent=False, request=plain, response=answer
        ),
    )


def _ask(message: Any) -> AskRequest:
    return AskRequest(
        caller=Caller(
            subject=message.caller.subject,
            roles=tuple(message.caller.roles),
            session=message.caller.session,
        ),
        text=message.text,
    )


def _answer(message: Any) -> Answer:
    return Answer(
        text=message.text,
        caller=Caller(subject=message.subject, roles=tuple(message.roles), session=message.session),
    )


@pytest.fixture(scope="session")
def pb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The protobuf module of the probe contract."""
    folder = tmp_path_factory.mktemp("probe")
    code = protoc.main(["protoc", f"-I{Path(__file__).parent}", f"--python_out={folder}", "probe.proto"])
    assert code == 0
    sys.path.insert(0, str(folder))
    yield importlib.import_module("probe_pb2")
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def probe(pb: ModuleType) -> SimpleNamespace:
    """The methods, the types and one broken rule of the probe contract."""
    return SimpleNamespace(
        methods=_methods(pb),
        AskRequest=AskRequest,
        PlainRequest=PlainRequest,
        Answer=Answer,
        Caller=Caller,
        AlreadyClosed=AlreadyClosed,
        errors=ErrorTable("probe", {AlreadyClosed: Kind.CONFLICT}),
    )


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A signing key and its public key set."""
    return DevelopmentKeys(tmp_path_factory.mktemp("keys")).ensure()


@pytest.fixture(scope="session")
def issuer(pair: Any) -> Issuer:
    return Issuer(pair.private_key, "https://id.test", "probe", pair.kid)


@pytest.fixture(scope="session")
def verify(pair: Any) -> Verifier:
    return Verifier(KeySet.from_file(pair.jwks, Grant(services=ANY)), "https://id.test", "probe")


class Store:
    """A dependency of the service that can fail."""

    def __init__(self) -> None:
        self.away = False

    def probe(self) -> None:
        if self.away:
            raise ConnectionError("away")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def start(probe: SimpleNamespace, verify: Verifier, store: Store) -> Iterator[Callable[..., Server]]:
    """Start servers; functions given by name answer their methods, the other methods echo."""
    servers: list[Server] = []

    def echo(request: Any) -> Answer:
        return Answer(text=request.text, caller=getattr(request, "caller", NOBODY))

    def run(*, address: str = "127.0.0.1:0", options: dict[str, Any] | None = None, **calls: Any) -> Server:
        service = Service(
            NAME,
            tuple(Bound(method, calls.get(name, echo)) for name, method in vars(probe.methods).items()),
        )
        server = Server(
            [service],
            errors=probe.errors,
            verify=verify,
            health=Health({"store": store.probe}),
            address=address,
            **(options or {}),
        )
        servers.append(server)
        server.start()
        return server

    yield run
    for server in servers:
        server.stop(0)


@pytest.fixture
def connect() -> Iterator[Callable[..., Channel]]:
    """Open channels to a server or a target, and close them afterwards."""
    channels: list[Channel] = []

    def open_channel(to: Server | str, **options: Any) -> Channel:
        channel = Channel(to if isinstance(to, str) else f"127.0.0.1:{to.port}", **options)
        channels.append(channel)
        return channel

    yield open_channel
    for channel in channels:
        channel.close()
