"""Whichever process dies, and whenever: no seat is sold twice, no cent, event or confirmation is lost.

Orders flow through nine processes while a killer ends one after another by SIGKILL, most of them in the middle of a
transaction. When all work is done, all records of the shop must agree.

    AETHER_CRASH_KILLS=20 AETHER_CRASH_SEED=7 .venv/bin/pytest -n0 -m prove tests/e2e/test_crash_proof.py

The seed repeats the order of the victims and what customers do, but not the moments.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import pytest
from aether_adapters.testing.plugin import found

from tests.shop.killer import VICTIMS, Kill, Killer, drawn
from tests.shop.ledger import Ledger, discrepancies, read_ledger
from tests.shop.shelf import filled
from tests.shop.system import ROOT, Servers, System, real_servers
from tests.shop.traffic import Traffic
from tests.shop.transactions import OpenTransactions

KILLS: Final = int(os.environ.get("AETHER_CRASH_KILLS", "100"))
SEED: Final = os.environ.get("AETHER_CRASH_SEED") or secrets.token_hex(4)
ORDERS: Final = 20 * KILLS
REPEAT: Final = f"AETHER_CRASH_KILLS={KILLS} AETHER_CRASH_SEED={SEED} .venv/bin/pytest -n0 -m prove tests/e2e/test_crash_proof.py"
REPORT: Final = ROOT / "build" / "crash-proof.txt"
"""The table is also written here, because parallel tests print nothing."""
PEOPLE: Final = 16
SETTLE_TIMEOUT_SECONDS: Final = 300.0
"""How long everything may take to settle once the traffic and the kills have ended."""
SETTINGS: Final = {
    "TRADE_PAYMENT_SECONDS": "10",
    "TRADE_GRACE_SECONDS": "5",
    "TRADE_CLOSING_SECONDS": "0.5",
    "PROMOTION_SWEEP_SECONDS": "0.5",
    # Sixteen customers do the work of a thousand, from one address, and passwords need no protection here.
    **{f"{domain}_USER_RATE": "1000" for domain in ("USER", "TRADE", "PROMOTION")},
    **{f"{domain}_USER_BURST": "1000" for domain in ("USER", "TRADE", "PROMOTION")},
    "PROMOTION_CLAIM_RATE": "1000",
    "PROMOTION_CLAIM_BURST": "1000",
    "USER_DOOR_RATE": "1000",
    "USER_DOOR_BURST": "1000",
    "USER_ACCOUNT_RATE": "1000",
    "USER_ACCOUNT_BURST": "1000",
    "USER_STRANGERS_RATE": "1000",
    "USER_STRANGERS_BURST": "1000",
    "USER_HASH_PASSES": "1",
    "USER_HASH_KIBIBYTES": "64",
    "USER_HASH_LANES": "1",
    # There are a hundred starts: without bytecode, compiling takes more than half of each.
    "PYTHONDONTWRITEBYTECODE": "",
}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield found(lambda: stack.enter_context(real_servers(tmp_path)))


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_nothing_is_lost_or_doubled_whoever_is_killed(
    servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = [time.monotonic()]
    with capsys.disabled():
        print(f"\n{REPEAT}")
    with System(servers, tmp_path, SETTINGS) as shop:
        shop.wait_until_ready(300)
        traffic = Traffic(shop, filled(shop), SEED, PEOPLE)
        moments.append(time.monotonic())
        kills = _killed_while(traffic, shop, servers)
        moments.append(time.monotonic())
        ledger, wrong = _when_quiet(traffic, shop, servers)
        moments.append(time.monotonic())
    table = _table(kills, ledger, traffic, moments)
    with capsys.disabled():
        print(table)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(f"{REPEAT}\n{table}\n")
    assert not wrong, "\n".join((f"{len(wrong)} discrepancies; {REPEAT}", *wrong[:100]))
    assert not traffic.faults, "\n".join((f"{len(traffic.faults)} faults; {REPEAT}", *traffic.faults[:20]))
    killed = Counter(kill.victim for kill in kills)
    assert min(killed[victim] for victim in VICTIMS) >= KILLS * 8 // 100
    assert sum(kill.in_flight for kill in kills) >= KILLS / 2
    assert _final(ledger).total() >= ORDERS


def _killed_while(traffic: Traffic, shop: System, servers: Servers) -> list[Kill]:
    """Kill during the traffic, paced so that kills and orders finish together."""
    chance = Random(f"{SEED} killer")
    transactions = OpenTransactions(servers.databases["trade"])
    killer = Killer(shop, transactions, chance)
    kills: list[Kill] = []
    with traffic.flowing():
        for victim in drawn(KILLS, chance):
            due = len(kills) * ORDERS / KILLS
            while traffic.orders < due * 0.9:
                time.sleep(0.1)  # orders have fallen behind the kills
            (traffic.sated.set if traffic.orders > due * 1.1 else traffic.sated.clear)()
            kills.append(killer.kill(victim))
        traffic.sated.clear()
        while traffic.orders < ORDERS * 1.02:
            time.sleep(0.2)
    transactions.close()
    return kills


def _when_quiet(traffic: Traffic, shop: System, servers: Servers) -> tuple[Ledger, list[str]]:
    """Read the ledger until nothing is in progress. Return it, and its discrepancies."""
    give_up = time.monotonic() + SETTLE_TIMEOUT_SECONDS
    while True:
        ledger = read_ledger(servers, shop.provider, traffic.acknowledged)
        wrong = [*_in_progress(ledger), *discrepancies(ledger)]
        if not wrong or time.monotonic() > give_up:
            return ledger, wrong
        time.sleep(3)


def _in_progress(ledger: Ledger) -> Iterator[str]:
    """Yield records that are consistent but not yet final."""
    for order in ledger.orders:
        if order.status == "pending payment":
            yield f"trade, order {order.id}: expected closed or paid, found it pending"
    for reservation in ledger.reservations:
        if reservation.status == "held":
            yield f"promotion, reservation of order {reservation.order_id}: expected an end, found it held"
    for coupon in ledger.coupons:
        if coupon.status == "locked":
            yield f"promotion, coupon {coupon.id}: expected used or given back, found it locked"


def _final(ledger: Ledger) -> Counter[str]:
    return Counter(order.status for order in ledger.orders if order.status != "pending payment")


def _table(kills: Sequence[Kill], ledger: Ledger, traffic: Traffic, moments: Sequence[float]) -> str:
    lines = [f"{'killed':<18}{'kills':>6}{'in flight':>11}{'had written':>13}"]
    for victim in (*VICTIMS, None):
        of = [kill for kill in kills if victim in (kill.victim, None)]
        name = "all" if victim is None else " ".join(victim)
        in_flight, writing = sum(kill.in_flight for kill in of), sum(kill.writing for kill in of)
        lines.append(f"{name:<18}{len(of):>6}{in_flight:>11}{writing:>13}")
    final = _final(ledger)
    orders = ", ".join(f"{count} {status}" for status, count in final.most_common())
    open_answers = sum(
        count for answer, count in traffic.answers.items() if not answer[:1].isdigit() or answer[:1] == "5"
    )
    lines.append(f"{final.total()} orders: {orders}")
    lines.append(f"{len(ledger.coupons)} coupons, {len(ledger.messages)} messages, {len(ledger.users)} users")
    opening, killing, settling = (f"{after - before:.0f} s" for before, after in pairwise(moments))
    lines.append(f"{open_answers} answers left it open, and were asked for again")
    lines.append(f"opening {opening}, killing {killing}, settling {settling}; seed {SEED}")
    return "\n".join(lines)
