"""The claim counter in Redis: one script decides a claim atomically, in about ten microseconds.

Each template has three keys, in one slot of a cluster: the claim authority (generation, remaining quota, limit,
window, and the Redis process that may decide), the claims of each owner by idempotency key, and the decisions that
are not yet persisted.

Every decision checks the `run_id` of the Redis process. So a Redis that restarted with old data, or a replica that
took over without the last writes, decides nothing: it answers `cold`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aether_adapters.kernel.errors import Unavailable
from redis import Redis

from aether_promotion.application.ports import CounterAway, Granted, Refused
from aether_promotion.domain.claim_authority import ClaimAuthority
from aether_promotion.domain.coupon import Coupon
from aether_promotion.domain.events import ClaimDecided
from aether_promotion.domain.template import Template

_CLAIM: Final = """
local authority = redis.call('HMGET', KEYS[1], 'generation', 'left', 'limit', 'from', 'until', 'server')
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not authority[2] or authority[6] ~= server then return {'cold'} end
local claims, count = redis.call('HGET', KEYS[2], ARGV[1]) or '', 0
for key, id in string.gmatch(claims, '(%S+)=(%d+)') do
  count = count + 1
  if key == ARGV[2] then
    local member = authority[1] .. '|' .. id .. '|' .. key .. '|' .. ARGV[1]
    return {'granted', id, authority[1], redis.call('ZSCORE', KEYS[3], member) and 1 or 0}
  end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(authority[4]) then return {'early'} end
if now >= tonumber(authority[5]) then return {'over'} end
if count >= tonumber(authority[3]) then return {'limit'} end
if tonumber(authority[2]) < 1 then return {'quota'} end
redis.call('HINCRBY', KEYS[1], 'left', -1)
redis.call('HSET', KEYS[2], ARGV[1], claims .. ' ' .. ARGV[2] .. '=' .. ARGV[3])
redis.call('ZADD', KEYS[3], now, authority[1] .. '|' .. ARGV[3] .. '|' .. ARGV[2] .. '|' .. ARGV[1])
return {'granted', ARGV[3], authority[1], 1}
"""

_OPEN: Final = """
local generation = tonumber(ARGV[1])
local current = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0')
if current > generation or (current == generation and redis.call('HEXISTS', KEYS[1], 'left') == 1) then return 0 end
if current < generation then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'generation', ARGV[1])
end
for i = 8, #ARGV, 2 do
  local claims = redis.call('HGET', KEYS[2], ARGV[i]) or ''
  redis.call('HSET', KEYS[2], ARGV[i], claims .. ' ' .. ARGV[i + 1])
end
if ARGV[7] == '1' then
  redis.call('HSET', KEYS[1], 'server', ARGV[2], 'left', ARGV[3], 'limit', ARGV[4], 'from', ARGV[5], 'until', ARGV[6])
end
return 1
"""

_FORGET: Final = """
if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2], KEYS[3]) end
"""

_WAITING_PAGE_SIZE: Final = 1000


@contextmanager
def counting() -> Iterator[None]:
    """Raise `CounterAway` if Redis is unavailable."""
    try:
        yield
    except Unavailable as error:
        raise CounterAway from error


def milliseconds(moment: datetime) -> int:
    """Return the milliseconds since 1970, rounded up so that nothing begins early."""
    return -((datetime(1970, 1, 1, tzinfo=UTC) - moment) // timedelta(milliseconds=1))


class RedisClaimCounter:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._claim: Callable[..., Any] = client.register_script(_CLAIM)
        self._open: Callable[..., Any] = client.register_script(_OPEN)
        self._forget: Callable[..., Any] = client.register_script(_FORGET)

    def claim(self, template_id: int, owner: str, key: str, coupon_id: int, /) -> Granted | Refused:
        with counting():
            answer = self._claim(keys=_keys(template_id), args=[owner, key, coupon_id])
        if answer[0] != b"granted":
            return Refused(answer[0].decode())
        return Granted(coupon_id=int(answer[1]), generation=int(answer[2]), waiting=answer[3] == 1)

    def server(self) -> str:
        with counting():
            return str(self._client.info("server")["run_id"])

    def generation(self, template_id: int, /) -> int | None:
        with counting():
            generation, left = self._client.hmget(_keys(template_id)[0], "generation", "left")
        return None if generation is None or left is None else int(generation)

    def open(
        self, authority: ClaimAuthority, template: Template, claims: Sequence[Coupon], /, *, whole: bool
    ) -> bool:
        terms = template.terms
        window = milliseconds(terms.claims_from), milliseconds(terms.coupon.valid_until)
        arguments = [
            authority.generation,
            authority.server,
            authority.left,
            terms.limit_per_user,
            *window,
            int(whole),
        ]
        pairs = [word for coupon in claims for word in (coupon.owner, f"{coupon.key}={coupon.id}")]
        with counting():
            return bool(self._open(keys=_keys(template.id), args=[*arguments, *pairs]) == 1)

    def forget(self, template_id: int, generation: int, /) -> None:
        with counting():
            self._forget(keys=_keys(template_id), args=[generation])

    def persisted(self, template_id: int, claims: Sequence[ClaimDecided], /) -> None:
        with counting():
            self._client.zrem(_keys(template_id)[2], *map(_member, claims))

    def waiting(self, template_id: int, /, *, seconds: float) -> tuple[ClaimDecided, ...]:
        with counting():
            now, microseconds = self._client.time()
            until = now * 1000 + microseconds // 1000 - int(seconds * 1000)
            found: Any = self._client.zrangebyscore(
                _keys(template_id)[2], "-inf", until, start=0, num=_WAITING_PAGE_SIZE, withscores=True
            )
        return tuple(_claim(template_id, member, score) for member, score in found)


def _keys(template_id: int) -> list[str]:
    return [f"aether-promotion:{{claims-{template_id}}}:{name}" for name in ("desk", "owners", "waiting")]


def _member(claim: ClaimDecided) -> str:
    return f"{claim.generation}|{claim.coupon_id}|{claim.idempotency_key}|{claim.owner}"


def _claim(template_id: int, member: bytes, score: float) -> ClaimDecided:
    generation, coupon_id, key, owner = member.decode().split("|", 3)
    return ClaimDecided(
        coupon_id=int(coupon_id),
        template_id=template_id,
        generation=int(generation),
        owner=owner,
        idempotency_key=key,
        occurred_at=datetime.fromtimestamp(score / 1000, UTC),
    )
