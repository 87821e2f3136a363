"""`python -m aether_adapters.embedded redis|kafka`: runs one embedded server as its own process.

Prints one line of JSON, `{"ready": true, "url": ...}`, when the server is ready; ends on SIGTERM, on SIGINT,
or when the process that started it is gone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from aether_adapters.embedded.kafka import EmbeddedKafka
from aether_adapters.embedded.redis import EmbeddedRedis

_PARENT_CHECK_INTERVAL_SECONDS = 0.5


def _topic(text: str) -> tuple[str, int]:
    name, _, partitions = text.rpartition(":")
    if not name or not partitions.isdecimal() or int(partitions) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not <topic>:<partitions>, such as acme.billing.v1:3")
    return name, int(partitions)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m aether_adapters.embedded", description=__doc__)
    parser.add_argument("server", choices=["redis", "kafka"])
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 picks a free one (default)")
    parser.add_argument("--folder", type=Path, help="for the log and data of redis (required for redis)")
    parser.add_argument("--appendonly", action="store_true", help="keep the data of redis across restarts")
    parser.add_argument("--topic", type=_topic, action="append", default=[], metavar="T:P", help="kafka: create topic T with P partitions; may be repeated")  # fmt: skip
    arguments = parser.parse_args(argv)
    if arguments.server == "redis" and arguments.folder is None:
        parser.error("redis needs --folder")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the server until it is stopped; return 1 if it cannot start."""
    parent = os.getppid()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    arguments = _arguments(argv)
    server: EmbeddedRedis | EmbeddedKafka
    if arguments.server == "redis":
        server = EmbeddedRedis(arguments.folder, port=arguments.port, appendonly=arguments.appendonly)
    else:
        server = EmbeddedKafka(dict(arguments.topic), port=arguments.port)
    try:
        server.start()
    except (OSError, RuntimeError, ValueError) as error:
        print(f"aether: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    try:
        url = server.url if isinstance(server, EmbeddedRedis) else server.bootstrap
        print(json.dumps({"ready": True, "url": url}), flush=True)  # noqa: T201
        while not stop.wait(_PARENT_CHECK_INTERVAL_SECONDS) and os.getppid() == parent:
            pass
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
