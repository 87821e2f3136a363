"""`aether run --services`: creates a missing database for each domain."""

from __future__ import annotations

import json
import urllib.request

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from .conftest import RunWorkspace, descendants


def test_each_domain_gets_its_own_database_on_the_server(
    workspace: RunWorkspace, mysql_url: str, redis_url: str
) -> None:
    server = make_url(mysql_url)
    databases = ("acme_billing", "acme_trade")
    services = {"AETHER_MYSQL_URL": mysql_url, "AETHER_REDIS_URL": redis_url, "AETHER_KAFKA": "127.0.0.1:1"}
    with workspace.running("--services", **services) as run:
        with urllib.request.urlopen(run.rest("trade"), timeout=5) as answer:
            settings = json.load(answer)["settings"]
        assert make_url(settings["TRADE_DATABASE_URL"]) == server.set(database="acme_trade")
        assert settings["TRADE_REDIS_URL"] == redis_url
        assert settings["TRADE_KAFKA_BOOTSTRAP"] == "127.0.0.1:1"
        assert len(descendants(run.process.pid)) == 2  # the two domains; no embedded server
    engine = create_engine(server)
    try:
        with engine.begin() as connection:
            query = "SELECT schema_name, default_character_set_name FROM information_schema.schemata"
            made = {name: charset for name, charset in connection.execute(text(query)) if name in databases}
            for name in made:
                connection.execute(text(f"DROP DATABASE {name}"))
    finally:
        engine.dispose()
    assert made == dict.fromkeys(databases, "utf8mb4")
