"""The stock counter in Redis: how many seats of a sale are left, and how many each order holds."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from redis import Redis

from aether_promotion.adapters.claim_counter import counting, milliseconds
from aether_promotion.application.ports import Taken
from aether_promotion.domain.activity import Activity, Reservation

_TAKE: Final = """
local sale = redis.call('HMGET', KEYS[1], 'left', 'from', 'until')
if not sale[1] then return 'cold' end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 'again' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(sale[2]) then return 'early' end
if now >= tonumber(sale[3]) then return 'over' end
if tonumber(sale[1]) < tonumber(ARGV[2]) then return 'gone' end
redis.call('HINCRBY', KEYS[1], 'left', -ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 'new'
"""

_GIVE_BACK: Final = """
local quantity = redis.call('HGET', KEYS[2], ARGV[1])
if quantity and redis.call('HDEL', KEYS[2], ARGV[1]) == 1 and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'left', quantity)
end
"""

_LOAD: Final = """
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'left', ARGV[1], 'from', ARGV[2], 'until', ARGV[3])
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
redis.call('PEXPIREAT', KEYS[2], ARGV[4])
"""

_RETENTION: Final = timedelta(days=1)
"""How long a sale is kept after its end."""


class RedisStockCounter:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._take: Callable[..., Any] = client.register_script(_TAKE)
        self._give_back: Callable[..., Any] = client.register_script(_GIVE_BACK)
        self._load: Callable[..., Any] = client.register_script(_LOAD)

    def take(self, activity_id: int, order_id: int, quantity: int, /) -> Taken:
        with counting():
            return Taken(self._take(keys=_keys(activity_id), args=[order_id, quantity]).decode())

    def give_back(self, activity_id: int, order_id: int, /) -> None:
        with counting():
            self._give_back(keys=_keys(activity_id), args=[order_id])

    def confirmed(self, activity_id: int, order_id: int, /) -> None:
        with counting():
            self._client.hdel(_keys(activity_id)[1], str(order_id))

    def left(self, activity_id: int, /) -> int | None:
        with counting():
            left = self._client.hget(_keys(activity_id)[0], "left")
        return None if left is None else int(left)

    def holders(self, activity_id: int, /) -> int:
        with counting():
            return int(self._client.hlen(_keys(activity_id)[1]))

    def load(self, activity: Activity, held: Sequence[Reservation], /) -> None:
        window = milliseconds(activity.starts_at), milliseconds(activity.ends_at)
        pairs = [word for one in held for word in (one.order_id, one.quantity)]
        with counting():
            self._load(
                keys=_keys(activity.id),
                args=[activity.left, *window, milliseconds(activity.ends_at + _RETENTION), *pairs],
            )


def _keys(activity_id: int) -> list[str]:
    return [f"aether-promotion:{{stock-{activity_id}}}:{name}" for name in ("sale", "holds")]
