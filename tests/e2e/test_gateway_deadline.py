"""A gateway waits for its gRPC service exactly as long as a request may last."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aether_adapters.kernel.errors import DeadlineExceeded

from tests.shop.system import DOMAINS, Servers, System

LOOKS: dict[str, tuple[str, str, dict[str, object]]] = {
    "user": ("get_keys", "GetKeysRequest", {}),
    "promotion": ("list_activities", "ListActivitiesRequest", {"page_size": 1, "page_token": ""}),
    "trade": ("list_courses", "ListCoursesRequest", {"page_size": 1, "page_token": ""}),
}


@pytest.fixture
def silent() -> Iterator[str]:
    """The host:port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_it_waits_for_the_configured_deadline(
    domain: str, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = System(Servers(dict.fromkeys(DOMAINS, f"sqlite:///{tmp_path}/none.db"), "redis://", ""), tmp_path)
    name = domain.upper()
    settings = {f"{name}_RPC_TARGET": silent, f"{name}_DEADLINE_SECONDS": "0.3"}
    for variable, value in {**shop.environment(domain, "api"), **settings}.items():
        monkeypatch.setenv(variable, value)
    container: Any = import_module(f"aether_{domain}.container").Container(roles=frozenset({"api"}))
    behind = container.servers().behind_rest(container.settings())
    use_case, kind, fields = LOOKS[domain]
    request = getattr(import_module(f"aether.{domain}.v1.types"), kind)(**fields)

    async def look() -> None:
        await getattr(behind, use_case)(request)

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        asyncio.run(look())
    assert time.monotonic() - began < 4.5, "it waited for the client's own five seconds"
