"""A victim with a defect: reading an invoice fails in the way that its id chooses, while secrets are in its variables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.attacks.conftest import Victim, victim_of
from tests.support.acme import Acme

LOCAL: Final = "hunter2-local"
"""Held by a variable of the frame that fails, and by an object in it."""
IN_MESSAGE: Final = "hunter2-message"
"""Part of the messages of exceptions: the password of a URL, a token, a parameter of a statement."""
FAULTS: Final = {
    1: "raise ZeroDivisionError",
    2: "return deep(0)",
    3: "raise ValueError(10_000_000 * 'x')",
    4: "chain(500)",
    5: "raise ExceptionGroup('many', [ValueError(1000 * 'y') for _ in range(5000)])",
    6: "group(200)",
    7: "raise ValueError([held] * 200_000)",
    8: f"raise OSError('mysql+pymysql://ann:{IN_MESSAGE}@db/shop?password={IN_MESSAGE} is away')",
    9: f"raise ValueError('Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.{IN_MESSAGE}.sig refused')",
    10: f"""raise OSError('Duplicate entry \\'{IN_MESSAGE}\\' for key \\'users.mobile\\'')""",
}
_DEFECT: Final = '''
class Held:
    """Something whose repr is large and says everything."""

    def __repr__(self) -> str:
        return f"Held({LOCAL!r}, {1000 * 'z'})"


def deep(depth: int) -> int:
    return deep(depth + 1) + 1


def chain(left: int) -> None:
    try:
        if left:
            chain(left - 1)
        raise ValueError(10_000 * "c")
    except ValueError as error:
        raise KeyError(10_000 * "k") from error


def group(depth: int) -> None:
    error: Exception = ValueError("core")
    for level in range(depth):
        error = ExceptionGroup(f"level {level}", [error, ValueError(1000 * "g")])
    raise error


def fail(fault: int) -> None:
    password = LOCAL
    held = Held()
    large = [held] * 5000
'''


@contextmanager
def faulty(acme: Acme, folder: Path, **settings: str) -> Iterator[Victim]:
    """Start a copy of `acme` whose use case for reading one invoice has the defects of `FAULTS`, by the invoice's id."""
    copy = Acme(folder / acme.name, acme.name)
    shutil.copytree(acme.root, copy.root, symlinks=True)
    use_case = copy.root / "domains/billing/src/acme_billing/application/get_invoice.py"
    faults = "".join(
        f"    if fault == {number}:\n        {statement}\n" for number, statement in FAULTS.items()
    )
    source = use_case.read_text()
    call = "        owner = request.caller.subject\n"
    assert call in source
    failing = source.replace(call, f"{call}        fail(request.id)\n")
    use_case.write_text(f"{failing}\nLOCAL = {LOCAL!r}\n{_DEFECT}{faults}")
    with victim_of(copy, folder, **settings) as victim:
        yield victim
