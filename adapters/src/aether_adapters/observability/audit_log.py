"""Writes the audit log: a record is a line of JSON in a stream of its own, see `logging.configure_audit`."""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog
from prometheus_client import Counter

from aether_adapters.kernel.errors import Forbidden, Unauthenticated
from aether_adapters.kernel.identity import ANONYMOUS, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.logging import AUDIT

DONE: Final = "done"
_REFUSALS_A_SECOND: Final = 50
"""Anybody can cause refusals; those of known callers are counted apart, so that a flood without tokens hides none."""
_UNRECORDED: Final = Counter(
    "aether_audit_refusals_unrecorded",
    f"Refused calls that the audit log does not have, because there were more than {_REFUSALS_A_SECOND} in a second.",
    ["caller"],
)
_LOG: Final = structlog.get_logger(AUDIT)


def record(operation: str, *, subject: str, outcome: str = DONE, **details: object) -> None:
    """Record an act, such as a command that an administrator ran."""
    _LOG.info("act", operation=operation, subject=subject, outcome=outcome, **details)


def record_refusal(
    operation: str,
    error: Unauthenticated | Forbidden,
    errors: ErrorTable,
    identity: Identity,
    address: str,
) -> None:
    """Record a call that a server refused for want of a token, or of what the token must hold.

    `identity` is `ANONYMOUS` unless a token was verified. At most 50 a second are recorded for each kind of caller.
    """
    kind = kind_of(identity)
    if not _LIMITS[kind].allows():
        _UNRECORDED.labels(kind).inc()
        return
    record(
        operation,
        subject=identity.subject,
        outcome=errors.problem(error).type,
        reason=error.reason,
        roles=identity.roles,
        session=identity.session,
        caller=kind,
        address=address,
    )


def kind_of(identity: Identity) -> str:
    """Return who calls: a user, a service, or nobody known."""
    if identity is ANONYMOUS:
        return "anonymous"
    return "service" if identity.service else "user"


class _PerSecond:
    """Allows so many a second; thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = 0
        self._count = 0
        self._guard = threading.Lock()

    def allows(self) -> bool:
        second = int(time.monotonic())
        with self._guard:
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            return self._count <= self._most


_LIMITS: Final = {kind: _PerSecond(_REFUSALS_A_SECOND) for kind in ("anonymous", "user", "service")}
