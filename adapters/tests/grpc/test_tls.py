"""Tests of the clients and the server over TLS, with certificates as they go wrong in production."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aether_adapters.embedded.children import free_port
from aether_adapters.embedded.forward import Forwarder
from aether_adapters.grpc import AsyncChannel, Channel, Server
from aether_adapters.grpc import probe as grpc_probe
from aether_adapters.grpc.retry import _LOGGED
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.tls import TlsFiles
from aether_adapters.testing.certificates import Authority
from aether_adapters.testing.waiting import eventually
from structlog.testing import capture_logs

Start = Callable[..., Server]
Connect = Callable[..., Channel]

NOT_ADMITTED = (
    "{} closed the connection; it may demand a certificate, and this client showed none or one that has expired or "
    "comes from another authority."
)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "theirs", "another authority")


def only_server(files: TlsFiles) -> TlsFiles:
    """The files of a server that demands no certificate of its clients."""
    return TlsFiles(cert=files.cert, key=files.key)


def only_client(authority: Authority) -> TlsFiles:
    """The files of a client without a certificate."""
    return TlsFiles(ca=str(authority.ca))


def target(server: Server, host: str = "127.0.0.1") -> str:
    return f"{host}:{server.port}"


def asked(channel: Channel, probe: SimpleNamespace) -> str:
    return str(channel.bind(probe.methods.ping)(probe.PlainRequest(text="a")).text)


async def awaited(channel: AsyncChannel, probe: SimpleNamespace) -> str:
    try:
        return str((await channel.bind(probe.methods.ping)(probe.PlainRequest(text="a"))).text)
    finally:
        await channel.close()


@pytest.mark.parametrize("mutual", [False, True])
def test_both_clients_and_the_probe_use_tls(
    probe: SimpleNamespace, start: Start, connect: Connect, ours: Authority, mutual: bool
) -> None:
    files = ours.issue("server")
    server = start(options={"tls": files if mutual else only_server(files)})
    mine = ours.issue("client") if mutual else only_client(ours)
    assert asked(connect(target(server, "localhost"), tls=mine), probe) == "a"
    assert asyncio.run(awaited(AsyncChannel(target(server), tls=mine), probe)) == "a"
    grpc_probe(target(server), seconds=5, tls=mine)()


def test_a_refused_certificate_is_named_by_the_probe_and_in_the_log(
    probe: SimpleNamespace, start: Start, connect: Connect, ours: Authority, theirs: Authority
) -> None:
    expired = ours.issue("expired", life=-timedelta(days=1))
    elsewhere = ours.issue("elsewhere", "shop.example")
    good = ours.issue("good")
    mine = only_client(ours)
    cases: list[tuple[TlsFiles, TlsFiles, str]] = [
        (only_server(expired), mine, "The certificate of {} has expired."),
        (only_server(elsewhere), mine, "The certificate of {} is for another host name or address."),
        (
            only_server(good),
            only_client(theirs),
            "The certificate of {} comes from an authority that is not trusted.",
        ),
        (
            good,
            mine,
            NOT_ADMITTED,
        ),
        (
            good,
            TlsFiles(mine.ca, theirs.issue("client").cert, theirs.issue("client").key),
            NOT_ADMITTED,
        ),
        (only_server(good), TlsFiles(), "{} closed the connection; it may expect TLS."),
        (TlsFiles(), mine, "{} does not speak TLS, and this client does."),
    ]
    for served, shown, sentence in cases:
        server = start(options={"tls": served})
        where = target(server)
        with pytest.raises(Unavailable) as away:
            grpc_probe(where, seconds=5, tls=shown)()
        assert away.value.detail == sentence.format(where)
        _LOGGED.clear()
        with capture_logs() as logs:
            for _ in range(2):
                with pytest.raises(Unavailable) as unavailable:
                    asked(connect(where, tls=shown), probe)
            with pytest.raises(Unavailable):
                asyncio.run(awaited(AsyncChannel(where, tls=shown), probe))
        assert unavailable.value.detail == "A required service is unavailable; try again."
        told = [log for log in logs if log["event"] == "connection refused"]
        assert [(log["target"], log["reason"]) for log in told] == [(where, sentence.format(where))]


def test_a_server_shows_a_rotated_certificate_and_trusts_rotated_authorities(
    probe: SimpleNamespace,
    start: Start,
    connect: Connect,
    ours: Authority,
    theirs: Authority,
    tmp_path: Path,
) -> None:
    """The files are replaced under its feet; half-written ones change nothing."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mounted = TlsFiles(*(str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")))
    put(ours.issue("old"), mounted)
    server = start(options={"tls": mounted})
    assert asked(connect(target(server), tls=ours.issue("client")), probe) == "a"
    Path(mounted.cert).write_text("half")
    assert asked(connect(target(server), tls=ours.issue("client")), probe) == "a"
    put(theirs.issue("new"), mounted)
    assert asked(connect(target(server), tls=theirs.issue("client")), probe) == "a"
    with pytest.raises(Unavailable):
        asked(connect(target(server), tls=ours.issue("client")), probe)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_client_follows_its_files(
    probe: SimpleNamespace,
    start: Start,
    connect: Connect,
    ours: Authority,
    theirs: Authority,
    tmp_path: Path,
    kind: str,
) -> None:
    """A channel that trusts the wrong authority works once its file holds the right one."""
    trusted = tmp_path / "trusted.pem"
    shutil.copy(theirs.ca, trusted)
    server = start(options={"tls": only_server(ours.issue("server"))})
    mine = TlsFiles(ca=str(trusted))
    if kind == "sync":
        channel = connect(target(server), tls=mine)
        with pytest.raises(Unavailable):
            asked(channel, probe)
        shutil.copy(ours.ca, trusted)
        assert once_available(lambda: asked(channel, probe)) == "a"
        return

    async def follow() -> str:
        channel = AsyncChannel(target(server), tls=mine)
        ping = channel.bind(probe.methods.ping)
        with pytest.raises(Unavailable):
            await ping(probe.PlainRequest(text="a"))
        shutil.copy(ours.ca, trusted)
        deadline = time.monotonic() + 60
        while True:
            with suppress(Unavailable):
                answer = await ping(probe.PlainRequest(text="a"))
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        await channel.close()
        return str(answer.text)

    assert asyncio.run(follow()) == "a"


class Counting(Forwarder):
    """Counts the connections that are open."""

    open = 0

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            await super()._connected(reader, writer)
        finally:
            self.open -= 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_channel_without_calls_drops_connections_with_the_old_certificate(
    probe: SimpleNamespace, start: Start, connect: Connect, ours: Authority, tmp_path: Path, kind: str
) -> None:
    """It would connect again with that certificate, long after it has expired."""
    mounted = TlsFiles(*(str(tmp_path / name) for name in ("ca.pem", "cert.pem", "key.pem")))
    put(ours.issue("old"), mounted)
    server = start(options={"tls": ours.issue("server")})
    between = Counting(free_port(), ("127.0.0.1", server.port))
    settings: dict[str, Any] = {"tls": mounted, "connections": 1, "timeout": 1.0}
    if kind == "sync":
        assert asked(connect(between.address, **settings), probe) == "a"
        assert between.open
        put(ours.issue("new"), mounted)
        eventually(lambda: not between.open, "the old connection is closed")
    else:

        async def idle() -> None:
            channel = AsyncChannel(between.address, **settings)
            assert (await channel.bind(probe.methods.ping)(probe.PlainRequest(text="a"))).text == "a"
            assert between.open
            put(ours.issue("new"), mounted)
            async with asyncio.timeout(60):
                while between.open:
                    await asyncio.sleep(0.02)
            await channel.close()

        asyncio.run(idle())
    between.close()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (TlsFiles(cert="none.pem", key="none.pem"), "none.pem cannot be read: No such file or directory"),
        (TlsFiles(cert="none.pem"), "a certificate and its key must be set together"),
        (TlsFiles(ca="none.pem"), "a server needs a certificate and its key"),
    ],
)
def test_unusable_files_are_refused_when_the_server_is_made(
    start: Start, files: TlsFiles, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"TLS of gRPC: {reason}"):
        start(options={"tls": files})


def put(files: TlsFiles, mounted: TlsFiles) -> None:
    for source, to in zip(
        (files.ca, files.cert, files.key), (mounted.ca, mounted.cert, mounted.key), strict=True
    ):
        new = Path(f"{to}.new")
        shutil.copy(source, new)
        new.replace(to)


def once_available(answer: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            return answer()
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)
