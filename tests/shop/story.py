"""A whole flash sale, from its opening to the check of its books, and its figures."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from tests.shop.buyers import Crowd
from tests.shop.inside import Inside
from tests.shop.ledger import Acknowledged, Ledger, discrepancies, read_ledger
from tests.shop.ledger.ledger import PAID
from tests.shop.sale import Sale, cancel, open_sale, pay, race, seats_of, subjects
from tests.shop.system import Servers, System

Step = Callable[[str], AbstractContextManager[None]]
"""Called with the description of the next step."""

_ROUNDS: Final = 5
_NOTICE_SECONDS: Final = 1.0
"""Longest time for which trade repeats a refusal of promotion."""
_SETTLE_TIMEOUT_SECONDS: Final = 60.0
"""How long work in progress may take to finish everywhere."""


@dataclass(frozen=True)
class Answers:
    """The answers to POST /v1/orders with one status during the rush: how many, and their latency in seconds."""

    status: int
    count: int
    p50: float
    p99: float


@dataclass
class Story:
    """The figures of a sale. Money is in cents, times are in seconds.

    `most_open` counts concurrent requests on the buyers' side, `most_inside` on the shop's, as sampled. `final` counts
    the buyers who know, by 201 or 409, and `final_per_second` divides them by the time until the last buyer knew or gave
    up; 429 and 503 do not count. `buyer_p50` and `buyer_p99` are from a buyer's first request to the last answer, with
    the pauses of Retry-After. `most_sent_away` is how often one buyer was answered 429 or 503, at most, and
    `sent_away_again` how many buyers were more than once. `crowd_cpu_seconds` is what simulating the buyers cost.
    """

    seats: int
    buyers: int
    most_open: int = 0
    most_inside: int = 0
    seconds: float = 0.0
    answers: list[Answers] = field(default_factory=list)
    final: int = 0
    final_per_second: float = 0.0
    most_sent_away: int = 0
    sent_away_again: int = 0
    crowd_cpu_seconds: float = 0.0
    buyer_p50: float = 0.0
    buyer_p99: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    paid: int = 0
    cancelled: int = 0
    ordered_again: int = 0
    seats_held: int = 0
    seats_sold: int = 0
    standing_orders: int = 0
    paid_cents: int = 0
    received_cents: int = 0
    events: dict[str, int] = field(default_factory=dict)
    discrepancies: list[str] = field(default_factory=list)

    @property
    def ordered(self) -> int:
        """How many buyers of the rush got an order."""
        return self.outcomes.get("granted", 0)

    def wrong(self) -> list[str]:
        """Return what is wrong: discrepancies of the books, or a sale that did not sell every seat once."""
        pairs = (
            ("orders of the rush", self.seats, self.ordered),
            ("orders that stand", self.seats, self.standing_orders),
            ("seats sold or held", self.seats, self.seats_sold + self.seats_held),
            ("cents that the provider received", self.paid_cents, self.received_cents),
        )
        sums = [f"{what}: expected {this}, found {that}" for what, this, that in pairs if this != that]
        return [*self.discrepancies, *sums]


def play(shop: System, servers: Servers, seats: int, buyers: int, step: Step) -> Story:
    """Sell `seats` to `buyers`: of ten who get one, seven pay, one cancels, two wait.

    Cancelled seats go to buyers without one, who try again.
    """
    story, people = Story(seats, buyers), subjects(buyers)
    with step(f"an operator opens a flash sale of {seats} seats"):
        sale = open_sale(shop, seats)
    with step(f"{buyers} buyers race for them over REST, all at once"):
        inside = Inside()
        with inside.watching(shop.rest["trade"]):
            crowd = race(shop, sale.wanted, people)
        _record(story, crowd, inside)
    ordered = crowd.made
    some = len(ordered) // 10
    leaving, paying = ordered[:some], ordered[some : 8 * some]
    with step(f"{len(paying)} pay, and the provider notifies twice; {len(leaving)} cancel"):
        pay(shop, paying, {"times": 2, "outOfOrder": True})
        cancel(shop, leaving)
        _await_seats(shop, sale, len(ordered) - len(leaving) - len(paying), len(paying))
        story.paid, story.cancelled = len(paying), len(leaving)
    lucky = {order["buyer"] for order in ordered}
    unlucky = [person for person in people if person not in lucky][: buyers // 5]
    with step(f"{len(unlucky)} who got none race for the {len(leaving)} released seats"):
        again = _sell_again(shop, sale, unlucky)
        story.ordered_again = sum(len(each.made) for each in again)
    with step("check the books of three databases, Redis, Kafka and the payment provider"):
        acknowledged = Acknowledged(
            placed={
                (one.subject, one.key): int(one.made["id"])
                for each in (crowd, *again)
                for one in each.outcomes
                if one.made is not None
            },
            ended={int(order["id"]): "closed" for order in leaving},
        )
        ledger, story.discrepancies = settled(servers, shop.provider, acknowledged)
        _sum_up(story, sale, ledger)
    return story


def settled(
    servers: Servers, provider: str, acknowledged: Acknowledged, *, seconds: float = _SETTLE_TIMEOUT_SECONDS
) -> tuple[Ledger, list[str]]:
    """Read the ledger until it has no discrepancies or `seconds` are over. Return it, and its discrepancies."""
    give_up = time.monotonic() + seconds
    while True:
        ledger = read_ledger(servers, provider, acknowledged)
        found = discrepancies(ledger)
        if not found or time.monotonic() > give_up:
            return ledger, found
        time.sleep(0.5)


def _record(story: Story, crowd: Crowd, inside: Inside) -> None:
    story.most_open, story.most_inside, story.seconds = crowd.most_open, inside.most, crowd.seconds
    for status, count in sorted(Counter(answer.status for answer in crowd.answers).items()):
        took = [answer.seconds for answer in crowd.answers if answer.status == status]
        story.answers.append(Answers(status, count, _percentile(took, 50), _percentile(took, 99)))
    took = [outcome.seconds for outcome in crowd.outcomes]
    story.buyer_p50, story.buyer_p99 = _percentile(took, 50), _percentile(took, 99)
    story.final = sum(outcome.final for outcome in crowd.outcomes)
    story.final_per_second = story.final / crowd.seconds
    story.most_sent_away = max(outcome.sent_away for outcome in crowd.outcomes)
    story.sent_away_again = sum(outcome.sent_away > 1 for outcome in crowd.outcomes)
    story.crowd_cpu_seconds = crowd.cpu_seconds
    story.outcomes = dict(Counter(outcome.word for outcome in crowd.outcomes))


def _await_seats(shop: System, sale: Sale, held: int, sold: int) -> None:
    give_up = time.monotonic() + _SETTLE_TIMEOUT_SECONDS
    while seats_of(shop, sale) != (held, sold):
        if time.monotonic() > give_up:
            raise TimeoutError(f"seats held and sold: {seats_of(shop, sale)}, not ({held}, {sold})")
        time.sleep(0.1)


def _sell_again(shop: System, sale: Sale, unlucky: Sequence[str]) -> list[Crowd]:
    """Repeat the race: Redis may see a released seat a second later than SQL, and trade another second later."""
    rushes: list[Crowd] = []
    while sum(seats_of(shop, sale)) < sale.seats and len(rushes) < _ROUNDS:
        if rushes:
            time.sleep(_NOTICE_SECONDS)
        served = {order["buyer"] for each in rushes for order in each.made}
        rushes.append(race(shop, sale.wanted, [person for person in unlucky if person not in served]))
    return rushes


def _sum_up(story: Story, sale: Sale, ledger: Ledger) -> None:
    (activity,) = (each for each in ledger.activities if each.id == sale.activity_id)
    story.seats_held, story.seats_sold = activity.held, activity.sold
    its = {line.order_id for line in ledger.lines if line.activity_id == sale.activity_id}
    orders = [order for order in ledger.orders if order.id in its]
    story.standing_orders = sum(order.status != "closed" for order in orders)
    story.paid_cents = sum(order.payable_cents for order in orders if order.status in PAID)
    story.received_cents = sum(
        payment.amount_cents for payment in ledger.payments if payment.paid and payment.order_id in its
    )
    types = (message.type.rpartition(".")[2] for message in ledger.messages if not message.dead)
    story.events = dict(sorted(Counter(types).items()))


def _percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
