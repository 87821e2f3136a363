"""Tests of a Redis that refuses, and of connections whose handshake did not end."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import redis
from aether_adapters.embedded import EmbeddedRedis
from aether_adapters.kernel.deadline import within
from aether_adapters.kernel.errors import DeadlineExceeded, Unavailable
from aether_adapters.redis import Client, FallbackTokenBucket, connect, probe
from aether_adapters.redis.cache import Cache
from redis import Redis

pytestmark = pytest.mark.implementation("redis")

_ANSWERS = (
    "BUSY Redis is busy running a script.",
    "CLUSTERDOWN The cluster is down",
    "ERR max number of clients + cluster connections reached",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the 'get' command",
    "NOREPLICAS Not enough good replicas to write.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "READONLY You can't write against a read only replica.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write. ",
)
_SAY = "return redis.error_reply(ARGV[1])"


def ids(client: Redis) -> int:
    return int(client.client_id())


@pytest.mark.parametrize("answer", _ANSWERS, ids=lambda answer: answer.split()[0])
def test_a_refusal_of_every_caller_is_unavailable(redis_url: str, answer: str) -> None:
    client = connect(redis_url)
    pipeline = client.pipeline()
    pipeline.eval(_SAY, 0, answer)
    lenient = client.pipeline(transaction=False)
    lenient.eval(_SAY, 0, answer)
    for use in (lambda: client.eval(_SAY, 0, answer), pipeline.execute, lambda: lenient.execute(False)):
        with pytest.raises(Unavailable, match=r"^Redis is unavailable\.$") as caught:
            use()
        assert caught.value.retry_after == 1.0
        assert answer.split()[-1].strip(".") in caught.value.reason


@pytest.mark.parametrize(
    "answer", ["WRONGTYPE Operation against a key", "ERR syntax error", "BUSYGROUP exists", "ERR OOM"]
)
def test_an_error_of_the_command_stays_its_error(redis_url: str, answer: str) -> None:
    with pytest.raises(redis.ResponseError):
        connect(redis_url).eval(_SAY, 0, answer)


def test_what_a_command_holds_does_not_pass_for_a_refusal(redis_url: str) -> None:
    client = connect(redis_url)
    client.set("text", "abc")
    pipeline = client.pipeline(transaction=False)
    pipeline.incrby("text", 1)
    pipeline.execute_command("GET", "a of pipeline caused error: OOM ", "READONLY ")  # type: ignore[no-untyped-call]
    with pytest.raises(redis.ResponseError, match="not an integer"):
        pipeline.execute()


def test_after_a_demotion_no_connection_is_used_again(redis_url: str) -> None:
    client = connect(redis_url, pool=3)
    held = client.connection_pool.get_connection()
    before = {ids(client)}
    with pytest.raises(Unavailable):
        client.eval(_SAY, 0, "READONLY You can't write against a read only replica.")
    client.connection_pool.release(held)
    opened = [client.connection_pool.get_connection() for _ in range(2)]
    assert not before & {_id_of(connection) for connection in opened}
    for connection in opened:
        client.connection_pool.release(connection)


def _id_of(connection: redis.Connection) -> int:
    connection.send_command("CLIENT", "ID")  # type: ignore[no-untyped-call]
    return int(connection.read_response())


def test_a_server_that_goes_on_refusing_is_not_flooded_with_handshakes(redis_url: str) -> None:
    client = connect(redis_url)
    used = set[int]()
    for _ in range(20):
        with pytest.raises(Unavailable):
            client.eval(_SAY, 0, "READONLY You can't write against a read only replica.")
        used.add(ids(client))
    assert len(used) <= 2


def test_a_limit_counts_in_the_process_and_a_cache_asks_its_source_when_memory_is_full(
    tmp_path: Path,
) -> None:
    with EmbeddedRedis(tmp_path) as server:
        client = connect(server.url)
        client.config_set("maxmemory", "1")
        limit = FallbackTokenBucket(client, "full", 1.0, 2)
        assert [limit("key").allowed for _ in range(3)] == [True, True, False]
        cache = Cache(client, "full", lambda key: key, dump=str.encode, parse=bytes.decode)
        assert cache.get("key") == "key"


def test_a_cache_does_not_ask_a_source_that_failed_twice(redis_url: str) -> None:
    asked = list[str]()

    def load(key: str) -> str:
        asked.append(key)
        raise Unavailable("The source is away.")

    cache = Cache(connect(redis_url), "failing", load, dump=str.encode, parse=bytes.decode)
    with pytest.raises(Unavailable, match="source"):
        cache.get("key")
    assert asked == ["key"]


def test_wrong_credentials_are_unavailable_and_only_the_reason_says_why(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        Redis.from_url(server.url).config_set("requirepass", "right")
        for url in (server.url, server.url.replace("//", "//:wrong@")):
            with pytest.raises(Unavailable) as caught:
                probe(connect(url))()
            assert "refuses the user or the password" in caught.value.reason
            assert "wrong@" not in caught.value.reason
            assert "password" not in caught.value.detail
        assert FallbackTokenBucket(connect(server.url), "auth", 1.0, 1)("key").allowed


def test_a_user_that_may_not_send_client_setinfo_is_served(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        rules = ["SETUSER", "app", "on", ">secret", "~*", "+get", "+set", "+hello", "+auth"]
        Redis.from_url(server.url).execute_command("ACL", *rules)  # type: ignore[no-untyped-call]
        client = connect(server.url.replace("//", "//app:secret@"))
        client.set("key", "value")
        assert client.get("key") == b"value"
        with pytest.raises(Unavailable) as caught:
            client.delete("key")
        assert "NOPERM" in caught.value.reason


def _late(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the deadline pass between the opening of the socket and the first command of the handshake."""
    resolve = socket.getaddrinfo

    def slowly(*arguments: object, **options: object) -> object:
        time.sleep(0.1)
        return resolve(*arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, within(0.05), pytest.raises(DeadlineExceeded):
        patch.setattr(socket, "getaddrinfo", slowly)
        client.get("key")


def test_a_connection_that_was_not_authenticated_in_time_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedRedis(tmp_path) as server:
        Redis.from_url(server.url).config_set("requirepass", "right")
        client = connect(server.url.replace("//", "//:right@").replace("/0", "/3"), pool=1)
        _late(client, monkeypatch)
        client.set("key", "value")
        assert (
            Redis.from_url(server.url.replace("//", "//:right@").replace("/0", "/3")).get("key") == b"value"
        )


def test_a_pipeline_whose_unwatch_came_too_late_gives_its_connection_back(redis_url: str) -> None:
    client = connect(redis_url, pool=1, pool_seconds=0.2)
    with within(0.1), client.pipeline() as pipeline:
        pipeline.watch("key")  # type: ignore[no-untyped-call]
        time.sleep(0.15)
    client.ping()
