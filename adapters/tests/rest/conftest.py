"""Fixtures: the billing application in this process, and a client for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from aether_adapters.observability.health import Health
from aether_adapters.rest import Operation, RestApp, RestOptions, build_app

Ask = Callable[..., httpx.Response]
BuildBilling = Callable[..., RestApp]


@pytest.fixture(scope="session")
def load() -> Callable[[str], ModuleType]:
    """Import a module beside this file; these tests are not in a package."""

    def loaded(name: str) -> ModuleType:
        full = f"aether_rest_tests_{name}"
        if full not in sys.modules:
            spec = spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
            assert spec is not None and spec.loader is not None
            sys.modules[full] = module = module_from_spec(spec)
            spec.loader.exec_module(module)
        return sys.modules[full]

    return loaded


@pytest.fixture(scope="session")
def billing(load: Callable[[str], ModuleType]) -> ModuleType:
    """The hand-written golden module beside this file."""
    return load("billing")


@pytest.fixture(scope="session")
def build_billing(billing: ModuleType) -> BuildBilling:
    """Build the billing application, by default on new use cases, with further arguments of `build_app`."""

    def build(operations: Iterable[Operation] | None = None, **arguments: Any) -> RestApp:
        if operations is None:
            operations = billing.operations(billing.Billing())
        parts = {"errors": billing.ERRORS, "verify": billing.verify, "health": Health({})}
        return build_app(billing.CONTRACT, operations, **parts | arguments)

    return build


@pytest.fixture(scope="session")
def built(billing: ModuleType, build_billing: BuildBilling) -> tuple[RestApp, Any]:
    """The billing application, compiled once, and its use cases."""
    use_cases = billing.Billing()
    options = RestOptions(body_limit=10_000, deadline=1.0, access_log=False)
    return build_billing(billing.operations(use_cases), options=options), use_cases


@pytest.fixture
def app(built: tuple[RestApp, Any]) -> RestApp:
    """The billing application without invoices."""
    app, use_cases = built
    use_cases.invoices.clear()
    return app


def asker(app: Any) -> Ask:
    """Return a function that sends one request to an ASGI app, by default as ann."""

    def ask(
        method: str, url: str, *, headers: Any = None, token: str | None = "ann", **kwargs: Any
    ) -> httpx.Response:
        sent = httpx.Headers(headers)
        if token is not None and "authorization" not in sent:
            sent["authorization"] = f"Bearer {token}"

        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://server", trust_env=False
            ) as client:
                return await client.request(method, url, headers=sent, **kwargs)

        return asyncio.run(once())

    return ask


@pytest.fixture
def ask(app: RestApp) -> Iterator[Ask]:
    yield asker(app)


@pytest.fixture
def asking() -> Callable[[Any], Ask]:
    """Return `asker`."""
    return asker
