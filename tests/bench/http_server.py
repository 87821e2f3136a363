"""`python -m tests.bench.http_server module:factory`: serve one ASGI app, with one worker; print port and pid first."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading
from typing import Any

import uvicorn
from aether_adapters import rest

from tests.bench.processes import take_core


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        print(sockets[0].getsockname()[1], os.getpid(), flush=True)


def main(target: str) -> None:
    """Serve the factory's app: ours as a service serves it, with its limits, any other with uvicorn as it comes."""
    take_core()
    module, _, factory = target.partition(":")
    app: Any = getattr(importlib.import_module(module), factory)()
    if isinstance(app, rest.RestApp):
        rest.serve(
            app, "127.0.0.1", 0, threading.Event(), started=lambda port: print(port, os.getpid(), flush=True)
        )
        return
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        ws="none",
        proxy_headers=False,
    )
    _Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
