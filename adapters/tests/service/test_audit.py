"""Marked operations are recorded, done or refused, without what the contract redacts; others are not."""

from __future__ import annotations

import json
import logging
import os
import pwd
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest
import structlog
from aether_adapters.kernel.errors import Forbidden, Kind, Unauthenticated
from aether_adapters.kernel.identity import ANONYMOUS, CLIENT, Client, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.audit_log import record_refusal
from aether_adapters.observability.logging import AUDIT, configure, configure_audit
from aether_adapters.service.audit import administrator, recorded


@dataclass(frozen=True, slots=True)
class Caller:
    subject: str = "ann"
    roles: tuple[str, ...] = ("operator",)
    session: str = "s1"


@dataclass(frozen=True, slots=True)
class Reason:
    text: str
    note: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ban:
    id: int
    password: str = field(repr=False)
    reason: Reason
    caller: Caller = Caller()


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    AUDITED: ClassVar[frozenset[str]] = frozenset({"ban"})

    ban: Callable[[Ban], str]
    read: Callable[[Ban], str]


class NoSuchUser(Exception):
    pass


REQUEST = Ban(7, "hunter2", Reason("spam", "hunter2"))


@pytest.fixture
def file(own_logging: None, tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "audit.log"
    configure("console", "error")
    configure_audit(str(file))
    yield file
    log = logging.getLogger(AUDIT)
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    log.propagate = True


def read(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_who_did_what_to_whom_is_recorded_with_the_request_id(file: Path) -> None:
    port = recorded(Port(ban=lambda _: "banned", read=lambda _: "read"), ErrorTable("shop", {}))
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        assert (port.ban(REQUEST), port.read(REQUEST)) == ("banned", "read")
    (line,) = read(file)
    assert line.pop("time") and line == {
        "event": "act",
        "level": "info",
        "logger": "aether.audit",
        "request_id": "r-1",
        "operation": "ban",
        "subject": "ann",
        "roles": ["operator"],
        "session": "s1",
        "request": {"id": 7, "reason": {"text": "spam"}},
        "outcome": "done",
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(NoSuchUser(), "/problems/shop/no-such-user"), (ZeroDivisionError(), "/problems/internal")],
)
def test_an_act_that_is_refused_or_fails_is_recorded_too(error: Exception, outcome: str, file: Path) -> None:
    def ban(_: Ban) -> str:
        raise error

    port = recorded(Port(ban=ban, read=ban), ErrorTable("shop", {NoSuchUser: Kind.NOT_FOUND}))
    with pytest.raises(type(error)):
        port.ban(REQUEST)
    assert [line["outcome"] for line in read(file)] == [outcome]


def test_messages_in_lists_and_maps_are_recorded_without_what_the_contract_redacts(file: Path) -> None:
    @dataclass(frozen=True, slots=True)
    class Many:
        reasons: tuple[Reason, ...]
        by_name: Mapping[str, Reason]
        caller: Caller = Caller()

    port = recorded(Port(ban=lambda _: "banned", read=lambda _: "read"), ErrorTable("shop", {}))
    one = Reason("spam", "hunter2")
    port.ban(Many((one, one), MappingProxyType({"a": one})))  # type: ignore[arg-type] # a request of another operation
    (line,) = read(file)
    assert line["request"] == {"reasons": [{"text": "spam"}] * 2, "by_name": {"a": {"text": "spam"}}}


@pytest.mark.parametrize("service", [False, True])
def test_the_kind_of_caller_and_its_address_are_recorded(service: bool, file: Path) -> None:
    port = recorded(Port(ban=lambda _: "banned", read=lambda _: "read"), ErrorTable("shop", {}))
    before = CLIENT.set(Client(Identity(subject="ann", service=service), "203.0.113.7"))
    try:
        port.ban(REQUEST)
    finally:
        CLIENT.reset(before)
    (line,) = read(file)
    assert (line["caller"], line["address"]) == ("service" if service else "user", "203.0.113.7")


def test_a_flood_of_refusals_is_bounded_and_hides_no_known_caller(file: Path) -> None:
    errors = ErrorTable("shop", {})
    for _ in range(500):
        record_refusal("ban", Unauthenticated("No token."), errors, ANONYMOUS, "203.0.113.7")
    record_refusal("ban", Forbidden("Not you."), errors, Identity(subject="ann"), "203.0.113.8")
    lines = read(file)
    assert len(lines) <= 201  # fifty a second, however slow the machine is
    assert (lines[-1]["subject"], lines[-1]["outcome"]) == ("ann", "/problems/forbidden")


def test_a_file_that_was_moved_away_is_opened_again(file: Path) -> None:
    port = recorded(Port(ban=lambda _: "banned", read=lambda _: "read"), ErrorTable("shop", {}))
    port.ban(REQUEST)
    file.rename(file.with_suffix(".1"))
    port.ban(REQUEST)
    assert len(read(file)) == len(read(file.with_suffix(".1"))) == 1


def test_a_port_without_marked_operations_stays_as_it_is() -> None:
    port = object()
    assert recorded(port, ErrorTable("shop", {})) is port


def test_a_command_is_recorded_under_the_id_of_its_user_not_under_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    assert administrator() == pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    assert administrator() == "uid 4000000001"
