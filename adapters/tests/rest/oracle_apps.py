"""Our server and stock Connexion with one contract; both answer with the inputs they read."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

import connexion
import yaml
from aether_adapters.kernel.errors import Unauthenticated
from aether_adapters.kernel.identity import Access, Identity
from aether_adapters.kernel.problems import ErrorTable
from aether_adapters.observability.health import Health
from aether_adapters.rest import Inputs, Operation, Reply, RestOptions, build_app
from connexion.exceptions import OAuthProblem
from connexion.resolver import Resolver

CONTRACT = Path(__file__).with_name("oracle.yaml")
OPERATIONS = ("getThing", "putThing", "addPart")


@dataclass(frozen=True)
class Answer:
    """One response; `body` is the parsed JSON, or None."""

    status: int
    headers: Mapping[str, str]
    body: Any


def verify(token: str) -> Identity:
    """Accept ann only."""
    if token != "ann":
        raise Unauthenticated("unknown")
    return Identity(subject=token)


def application(contract: str | None = None) -> Any:
    """Build our server; `contract` replaces the contract's text."""

    async def call(request: Any) -> Any:
        return request

    def decode(inputs: Inputs) -> Any:
        return {"path": inputs.path, "query": inputs.query, "header": inputs.header, "body": inputs.body}

    with TemporaryDirectory() as folder:
        path = Path(folder) / "oracle.yaml"
        path.write_text(contract or CONTRACT.read_text())
        return _built(path, decode, call)


def _built(contract: Path, decode: Any, call: Any) -> Any:
    return build_app(
        contract,
        [
            Operation(name, Access.CALLER, decode, call, lambda seen: Reply(200, (), seen))
            for name in OPERATIONS
        ],
        errors=ErrorTable("oracle", {}),
        verify=verify,
        health=Health({}),
        options=RestOptions(access_log=False),
    )


def stock() -> Any:
    """Build stock Connexion, configured to refuse unknown query parameters as ours does."""
    security: Any = types.ModuleType("oracle_security")
    sys.modules[security.__name__] = security

    def bearer(token: str) -> dict[str, Any]:
        try:
            return {"sub": verify(token).subject}
        except Unauthenticated as error:
            raise OAuthProblem(detail=error.detail) from error

    security.bearer = bearer
    document = yaml.safe_load(CONTRACT.read_text())
    document["components"]["securitySchemes"]["bearer"]["x-bearerInfoFunc"] = "oracle_security.bearer"

    def echo(**given: Any) -> Any:
        body = given.pop("body", None)
        for ours in ("user", "token_info"):
            given.pop(ours, None)
        path = {name: given.pop(name) for name in ("id", "number") if name in given}
        return {"path": path, "query": given, "header": {}, "body": body}, 200

    app = connexion.FlaskApp(__name__)
    app.add_api(document, strict_validation=True, resolver=Resolver(lambda _: echo))
    return app


async def ask(
    app: Any, method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    """Send one request as uvicorn would."""
    sent = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    sent.append((b"host", b"oracle"))
    if body is not None:
        sent.append((b"content-length", str(len(body)).encode("ascii")))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query,
        "root_path": "",
        "headers": sent,
        "server": ("oracle", 80),
        "client": ("127.0.0.1", 1),
    }
    incoming = [{"type": "http.request", "body": body or b"", "more_body": False}]
    outgoing: list[Any] = []

    async def receive() -> Any:
        if incoming:
            return incoming.pop()
        return await asyncio.Future()  # the client stays connected and sends nothing more

    async def send(message: Any) -> None:
        outgoing.append(message)

    await app(scope, receive, send)
    # A server drops the body of a response to HEAD.
    data = b"" if method == "HEAD" else b"".join(message.get("body", b"") for message in outgoing[1:])
    answered = {name.decode().lower(): value.decode() for name, value in outgoing[0]["headers"]}
    is_json = "json" in answered.get("content-type", "") and data
    return Answer(outgoing[0]["status"], answered, json.loads(data) if is_json else None)
