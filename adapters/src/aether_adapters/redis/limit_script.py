"""The script that takes tokens from several buckets at once, and its wire form: the request's bytes, the answer's numbers.

It is one script, so that two processes never take the same token, and one round trip for all buckets of a request.
Protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/. redis-py is not used for it, because it takes
longer for one command than all else that a limit costs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from aether_adapters.kernel.rate_limits import Draw

_SCRIPT: Final = b"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local states = redis.call('MGET', unpack(KEYS))
local levels, answers, refused = {}, {}, false
for i = 1, #KEYS do
  local rate, burst, cost, cap =
    tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]), tonumber(ARGV[4*i-1]), tonumber(ARGV[4*i])
  local tokens, at = burst, now
  if states[i] then
    local kept, since = string.match(states[i], '(%S+) (%S+)')
    tokens, at = tonumber(kept), tonumber(since)
  end
  tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000000)
  if cap >= 0 then tokens = math.min(tokens, cap) end
  levels[i] = tokens
  if tokens < cost then
    refused = true
    answers[i] = -math.ceil((cost - tokens) / rate * 1000000)
  end
end
for i = 1, #KEYS do
  local rate, burst, cost, cap =
    tonumber(ARGV[4*i-3]), tonumber(ARGV[4*i-2]), tonumber(ARGV[4*i-1]), tonumber(ARGV[4*i])
  local tokens = levels[i]
  if not refused then tokens = tokens - cost end
  if cap >= 0 or not refused then
    redis.call('SET', KEYS[i], string.format('%.9f %.0f', tokens, now),
      'PX', math.ceil((burst - tokens) / rate * 1000) + 1000)
  end
  if not answers[i] then answers[i] = math.floor(tokens * 1000) end
end
return answers
"""
_SHA: Final = hashlib.sha1(_SCRIPT).hexdigest().encode()  # noqa: S324 # Redis names scripts by it
_MISSING: Final = b"-NOSCRIPT"
_NO_CAP: Final = b"$2\r\n-1\r\n"

PING: Final = b"*1\r\n$4\r\nPING\r\n"


def command(draws: Sequence[Draw], caps: Sequence[float], *, whole: bool) -> bytes:
    """Return the command that makes `draws`: with the `whole` script, or with its name.

    `caps` are the most that the buckets may hold, -1 for no such bound. The answer has a number for each draw: if not
    negative, the thousandths of tokens left; else, negated, the microseconds until there are enough.
    """
    parts = [_head(len(draws), whole)]
    for key, *_ in draws:
        name = b"limit:" + key.encode("utf-8", "surrogatepass")
        parts.append(b"$%d\r\n%b\r\n" % (len(name), name))
    for (_, rate, burst, cost), cap in zip(draws, caps, strict=True):
        parts.append(_bucket(rate, burst, cost))
        parts.append(_NO_CAP if cap < 0 else _bulk(b"%.9f" % cap))
    return b"".join(parts)


@lru_cache(maxsize=64)
def _head(keys: int, whole: bool) -> bytes:
    script = (b"EVAL", _SCRIPT) if whole else (b"EVALSHA", _SHA)
    return b"*%d\r\n" % (3 + 5 * keys) + b"".join(map(_bulk, (*script, b"%d" % keys)))


@lru_cache(maxsize=1024)
def _bucket(rate: float, burst: int, cost: int) -> bytes:
    return b"".join(_bulk(str(each).encode()) for each in (rate, burst, cost))


def _bulk(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


class ServerRefuses(Exception):
    """Redis answered a command with an error."""

    def __init__(self, answer: bytes) -> None:
        self.text = answer[1:].decode("utf-8", "replace")
        self.script_is_missing = answer.startswith(_MISSING)
        super().__init__(self.text)


class Answers:
    """Reads the answers of one connection, as they arrive in pieces."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[list[int] | ServerRefuses]:
        """Return the answers that are complete with `data`. Raises `ValueError` for anything but numbers and errors."""
        lines = (self._data + data).split(b"\r\n")
        rest = lines.pop()
        found: list[list[int] | ServerRefuses] = []
        at = 0
        while at < len(lines):
            first = lines[at]
            kind = first[:1]
            if kind == b"*":
                end = at + 1 + int(first[1:])
                if end > len(lines):
                    break
                found.append([_number(line) for line in lines[at + 1 : end]])
                at = end
                continue
            if kind == b"-":
                found.append(ServerRefuses(first))
            elif kind == b"+":
                found.append([])
            else:
                raise ValueError(f"Redis sent {first[:40]!r} where numbers were expected")
            at += 1
        self._data = b"\r\n".join([*lines[at:], rest])
        return found


def _number(line: bytes) -> int:
    if line[:1] != b":":
        raise ValueError(f"Redis sent {line[:40]!r} where a number was expected")
    return int(line[1:])
