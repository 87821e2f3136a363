"""E21: a broken rule in periodic work is logged, counted and tried again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from aether_adapters.testing.waiting import eventually

from tests.attacks.conftest import Victim, victim_of
from tests.support.acme import Acme

_WORK = """

def billing_work() -> bool:
    raise {error}
"""


@contextmanager
def working(acme: Acme, folder: Path, error: str) -> Iterator[Victim]:
    """Start a copy of `acme` whose worker also runs periodic work that raises `error` ten times a second."""
    copy = Acme(folder / acme.name, acme.name)
    shutil.copytree(acme.root, copy.root, symlinks=True)
    container = copy.root / "domains/billing/src/acme_billing/container.py"
    source = container.read_text()
    worker, imports = "    worker = Dict(", "from aether_adapters.service.backing import"
    assert worker in source and imports in source
    part = '    broken = Singleton(Periodic, "broken", Object(billing_work), 0.1, ERRORS)\n'
    source = source.replace(worker, f"{part}{worker}broken=broken.provider, ").replace(
        imports, f"from aether_adapters.service.periodic import Periodic\n{imports}"
    )
    source = source.replace("\n\nclass Container", f"{_WORK.format(error=error)}\n\nclass Container")
    container.write_text(source)
    with victim_of(copy, folder) as victim:
        yield victim


def turns(victim: Victim) -> float:
    """Return how often the rule was broken, as the process counts it."""
    counted = 'aether_periodic_turns_total{outcome="/problems/billing/invoice-not-found",work="broken"}'
    lines = httpx.get(f"{victim.rest}/metrics", timeout=10).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(counted)), 0.0)


def test_a_broken_rule_in_periodic_work_does_not_end_the_process(billing: Acme, tmp_path: Path) -> None:
    with working(billing, tmp_path, "errors.InvoiceNotFound(7)") as victim:
        eventually(lambda: turns(victim) >= 3, "the work is tried again and counted")
        assert victim.process.process.poll() is None
        with victim.client() as client:
            assert client.get("/v1/invoices").status_code == 200
        assert "periodic work failed" in victim.process.said()
