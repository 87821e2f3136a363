"""How long people wait for the command: a new domain, generating without changes, a check of many domains."""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import httpx

from tests.bench.harness import Timing
from tests.support.acme import Acme, scaffold

_NEW_LIMIT_SECONDS = 10.0
_NEW_REPEATS = 3
_NOOP_LIMIT_SECONDS = 0.3
_CHECK_COLD_LIMIT_SECONDS = {3: 6.0, 100: 60.0}
"""CPU seconds of a check that remembers nothing, by the number of domains; 3 is the shop."""
_CHECK_WARM_LIMIT_SECONDS = {3: 1.0, 100: 8.0}
_CHECK_GROWTH_FACTOR = 10.0
_REPOSITORY = Path(__file__).parents[2]


def _new_to_2xx() -> list[tuple[float, float]]:
    """Return the seconds of a few runs, each in its own workspace, and the bound."""
    return [(_once_new_to_2xx(), _NEW_LIMIT_SECONDS) for _ in range(_NEW_REPEATS)]


def _once_new_to_2xx() -> float:
    """Return the seconds from `aether new`, in a workspace with its own Python, to a 2xx and a clean check."""
    with _folder() as folder:
        acme = scaffold(folder)
        _own_python(acme)
        started = time.perf_counter()
        acme.aether("new", "billing", "--aggregate", "Invoice", "--defaults").succeeded()
        acme.aether("generate").succeeded()
        with acme.running() as system, system.client(acme.token()) as client:
            _created(client)
            answered = time.perf_counter()
        checking = time.perf_counter()
        acme.aether("check").succeeded()
        return answered - started + time.perf_counter() - checking


def _created(client: httpx.Client) -> None:
    answer = client.post("/v1/invoices", json={"title": "The first"})
    if not answer.is_success:
        raise RuntimeError(f"the new domain answered {answer.status_code}: {answer.text}")


def _own_python(acme: Acme) -> None:
    """Create what `make setup` does: a virtual environment with the contracts, editable, and this one's packages."""
    venv = acme.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    library = next(venv.glob("lib/python*/site-packages"))
    installed = json.dumps(sysconfig.get_path("purelib"))
    (library / "bench.pth").write_text(f"import site; site.addsitedir({installed})\n")
    install = (
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--python",
        str(venv / "bin/python"),
        "--offline",
    )
    contracts = ("--editable", "proto", "--editable", "openapi")
    acme.run(*install, "--quiet", "--no-deps", "--no-build-isolation", *contracts).succeeded()


def _generate_noop() -> list[tuple[float, float]]:
    """Return the seconds of `aether generate` without changes beyond those of `python -c pass`, and the bound."""
    with _folder() as folder:
        acme = scaffold(folder, ("billing", "Invoice"))
        runs = []
        for _ in range(9):
            nothing = _took(lambda: acme.run(sys.executable, "-c", "pass").succeeded())
            runs.append((_took(lambda: acme.aether("generate").succeeded()) - nothing, _NOOP_LIMIT_SECONDS))
        return runs


def _check(domains: int, *, cold: bool) -> list[tuple[float, float]]:
    limits = _CHECK_COLD_LIMIT_SECONDS if cold else _CHECK_WARM_LIMIT_SECONDS
    return [(_checks()[domains, cold], limits[domains])]


def _check_growth() -> list[tuple[float, float]]:
    took = _checks()
    return [(took[100, True], _CHECK_GROWTH_FACTOR * took[10, True])]


@cache
def _checks() -> dict[tuple[int, bool], float]:
    """Return the CPU seconds of `aether check` by the number of domains, and whether it remembers nothing.

    Three domains are the shop, 10 and 100 are renamed copies of the template's.
    """
    took = _checked(Acme(_REPOSITORY), 3, repeats=3)
    with _folder() as folder:
        acme = scaffold(folder, ("billing", "Invoice"))
        units = [
            file
            for unit in ("domains/billing", "proto/acme/billing", "openapi/billing.yaml")
            for file in _files(acme.root / unit)
        ]
        for count, repeats in ((10, 3), (100, 1)):
            for number in range(count - 1):
                _renamed(acme.root, units, f"billing{number:02}")
            acme.aether("generate").succeeded()
            took |= _checked(acme, count, repeats=repeats)
    return took


def _checked(acme: Acme, domains: int, *, repeats: int) -> dict[tuple[int, bool], float]:
    memory = acme.root / ".aether/check.json"

    def once(*, cold: bool) -> float:
        if cold:
            memory.unlink(missing_ok=True)
        before = _child_cpu()
        acme.aether("check").succeeded()
        return _child_cpu() - before

    return {
        (domains, cold): statistics.median([once(cold=cold) for _ in range(repeats)])
        for cold in (True, False)
    }


def _child_cpu() -> float:
    """Return the CPU seconds of the processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _files(unit: Path) -> Iterator[Path]:
    found = sorted(unit.rglob("*")) if unit.is_dir() else [unit]
    yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def _renamed(root: Path, files: list[Path], name: str) -> None:
    """Copy the files of billing to another domain, with its name in place of billing's."""
    for file in files:
        copy = root / str(file.relative_to(root)).replace("billing", name)
        if copy.exists():
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text().replace("billing", name).replace("Billing", name.capitalize())
        copy.write_text(text.replace("BILLING", name.upper()))


def _took(do: Callable[[], object]) -> float:
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="aether-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


ROWS = (
    Timing("new-to-2xx", "10 s", _new_to_2xx),
    Timing("generate-noop", "python -c pass and 0.3 s", _generate_noop),
    Timing("check-shop", "6 s of CPU, cold", partial(_check, 3, cold=True)),
    Timing("check-shop", "1 s of CPU, warm", partial(_check, 3, cold=False)),
    Timing("check-100", "60 s of CPU, cold", partial(_check, 100, cold=True)),
    Timing("check-100", "8 s of CPU, warm", partial(_check, 100, cold=False)),
    Timing("check-100", "10 times that on 10", _check_growth),
)
