"""Audit log: who called which operation, with which arguments and outcome, in a stream of its own.

A contract marks the operations with `option (aether_adapters.contract.audit) = true`. They are recorded where the use case
runs, so once, whichever server the call came through; a call that a server refuses is recorded there. A record is written
after the use case returned: a process that is killed in between leaves none.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from getpass import getuser
from typing import Any, TypeVar

from aether_adapters.kernel.identity import CLIENT
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.audit_log import DONE, kind_of, record

if sys.platform != "win32":
    import pwd

Port = TypeVar("Port")

__all__ = ["administrator", "record", "recorded"]


def recorded(port: Port, errors: ErrorTable) -> Port:
    """Return an inbound port whose `AUDITED` operations are recorded; any other port as it is."""
    names: frozenset[str] = getattr(type(port), "AUDITED", frozenset())
    if not names:
        return port
    acts = {name: _Recorded(name, getattr(port, name), errors) for name in names}
    return dataclasses.replace(port, **acts)  # type: ignore[type-var] # a generated dataclass


def administrator() -> str:
    """Return who runs this process, for a command: the name of its user id, or the id, which has no name in many containers.

    The variable USER is not asked: whoever runs a command can set it.
    """
    if sys.platform == "win32":
        return getuser()
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Recorded:
    """An operation that is recorded, also if it is refused or fails."""

    name: str
    call: Callable[[Any], Any]
    errors: ErrorTable

    def __call__(self, request: Any, /) -> Any:
        outcome = "/problems/internal"
        try:
            response = self.call(request)
            outcome = DONE
        except Exception as error:
            outcome = self.errors.problem(error).type
            raise
        finally:
            caller = request.caller
            record(
                self.name,
                subject=caller.subject,
                roles=caller.roles,
                session=caller.session,
                request=dict(_shown(request)),
                outcome=outcome,
                **_client(),
                **_created(request, response if outcome == DONE else None),
            )
        return response


def _shown(value: Any) -> Iterator[tuple[str, object]]:
    """Yield the fields of a request that its repr shows; the contract hides the others with `debug_redact`."""
    for field in dataclasses.fields(value):
        if field.repr and field.name != "caller":
            yield field.name, _plain(getattr(value, field.name))


def _plain(value: object) -> object:
    """Return the value with dictionaries instead of messages, also in the lists and maps of a contract."""
    if dataclasses.is_dataclass(value):
        return dict(_shown(value))
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _client() -> Mapping[str, object]:
    """Return what kind of caller it is and its address; nothing for a call that came through no server."""
    client = CLIENT.get()
    return {} if client is None else {"caller": kind_of(client.identity), "address": client.address}


def _created(request: object, response: object) -> Mapping[str, object]:
    """Return the id in the response to a request that names none: that of what was created."""
    if not hasattr(request, "id") and hasattr(response, "id"):
        return {"id": response.id}
    return {}
