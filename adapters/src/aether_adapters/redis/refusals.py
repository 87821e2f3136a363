"""Answers by which Redis refuses every caller for now, as opposed to errors of one command.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors and Redis' server.c.
"""

from __future__ import annotations

import re
from typing import Final

import redis

_STATES: Final = frozenset(
    {
        "BUSY",  # a script runs for too long
        "CLUSTERDOWN",
        "DENIED",  # protected mode
        "LOADING",  # reads its data from disk
        "MASTERDOWN",
        "MISCONF",  # cannot save to disk
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNBLOCKED",  # was demoted while a command waited
        "WRONGPASS",
    }
)
_SAME_SERVER: Final = frozenset({"BUSY", "NOPERM", "TRYAGAIN"})
"""States that a new connection does not end."""

_WORD: Final = re.compile(r"[A-Z]+(?=\s|$)")
_IN_SCRIPT: Final = re.compile(r"Error running script .*?: -([A-Z]+) ", re.DOTALL)
"""Until version 7 Redis wraps the error of a command within a script, with its code."""
_TOO_MANY_CLIENTS: Final = "max number of clients"
_PIPELINED: Final = " of pipeline caused error: "
"""Before it redis-py quotes the command, which may hold anything."""


def state_of(error: redis.RedisError) -> str | None:
    """Return the code of an answer that refuses every caller for now; None if the command itself is at fault."""
    code = error.status_code  # None for a code that redis-py does not know; then it is part of the text
    text = str(error).rpartition(_PIPELINED)[2]
    if code is None:
        first = _WORD.match(text)
        code = first[0] if first else ""
    elif code == "ERR":
        within = _IN_SCRIPT.match(text)
        if text.startswith(_TOO_MANY_CLIENTS):
            return code
        code = within[1] if within else ""
    return code if code in _STATES else None


def ends_with_connection(state: str) -> bool:
    """Whether a new connection may reach a server that does not refuse: after a failover, old ones lead to the old one."""
    return state not in _SAME_SERVER
