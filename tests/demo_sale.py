"""`make demo-sale`: a flash sale on a bare machine, with timings.

A thousand buyers race over REST for a hundred seats of the course shop: nine processes, one for each domain and role,
on embedded SQLite, Redis and Kafka. Some pay, some cancel, and others order the cancelled seats. In the end the books
of three databases, Redis, Kafka and the payment provider must agree; the exit code says whether they do.
However the demo ends, Ctrl-C included, its processes and its folder are removed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Final

from aether_tools.interrupts import interruptible
from rich.console import Console
from rich.table import Table

from tests.demo import Stopwatch, remove
from tests.shop.story import Story, play
from tests.shop.system import System, embedded_servers

MEANING: Final[Mapping[int, str]] = {
    0: "no answer",
    201: "ordered",
    409: "sold out",
    429: "busy, come back later",
    503: "away, come back later",
    504: "too late",
}


def run(folder: Path, seats: int, buyers: int, watch: Stopwatch, stack: ExitStack) -> Story:
    """Run the demo, step by step."""
    with watch.step("SQLite, Redis and Kafka, embedded"):
        servers = stack.enter_context(embedded_servers(folder))
    with watch.step("REST, gRPC and worker of user, promotion and trade, and a payment provider"):
        shop = stack.enter_context(System(servers, folder))
        shop.wait_until_ready()
    story = play(shop, servers, seats, buyers, watch.step)
    with watch.step("a clean stop"):
        stack.close()
    return story


def show(story: Story, console: Console) -> None:
    """Print the story as tables, and what is wrong with it."""
    rush = Table(
        title=f"{story.buyers} buyers, {story.seats} seats: {story.seconds:.1f} s", title_style="bold"
    )
    for title in ("answer to POST /v1/orders", "times", "P50", "P99"):
        rush.add_column(title, justify="left" if title.startswith("answer") else "right")
    for line in story.answers:
        meaning = f"{line.status} {MEANING.get(line.status, '')}"
        rush.add_row(meaning, str(line.count), f"{line.p50:.2f} s", f"{line.p99:.2f} s")
    rush.add_section()
    rush.add_row(f"final answers: {story.final_per_second:.0f} a second", str(story.final), "", "")
    rush.add_row(
        "buyers, until they knew", str(story.buyers), f"{story.buyer_p50:.2f} s", f"{story.buyer_p99:.2f} s"
    )
    sums = Table(title="The books", title_style="bold", show_header=False)
    sums.add_column()
    sums.add_column(justify="right")
    for what, value in (
        ("buyers sent away more than once, most often", f"{story.sent_away_again}, {story.most_sent_away} times"),
        ("CPU of simulating the buyers", f"{story.crowd_cpu_seconds:.2f} s"),
        ("requests open at once, as buyers saw it", story.most_open),
        ("requests inside at once, as trade's API saw it", story.most_inside),
        ("orders of the rush", story.ordered),
        ("paid / given up / ordered again", f"{story.paid} / {story.cancelled} / {story.ordered_again}"),
        ("orders that stand, seats sold + held", f"{story.standing_orders}, {story.seats_sold} + {story.seats_held}"),
        ("paid by the orders, received by the provider", f"{_money(story.paid_cents)}, {_money(story.received_cents)}"),
        *((f"{name} events in Kafka", count) for name, count in story.events.items()),
        ("discrepancies", len(story.discrepancies)),
    ):  # fmt: skip
        sums.add_row(what, str(value))
    console.print(rush, sums)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.demo_sale", description="Play a flash sale, and check its books."
    )
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON; progress goes to stderr"
    )
    parser.add_argument("--seats", type=int, default=100, help="seats of the sale (default: 100)")
    parser.add_argument("--buyers", type=int, default=1000, help="buyers who race for them (default: 1000)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sale. Return 0 if its books agree, 1 if not, 130 if interrupted."""
    arguments = _arguments(argv)
    watch = Stopwatch()
    folder = Path(tempfile.mkdtemp(prefix="aether-sale-"))
    try:
        output = sys.stderr if arguments.json else sys.stdout
        with interruptible(), redirect_stdout(output), ExitStack() as stack:
            story = run(folder, arguments.seats, arguments.buyers, watch, stack)
    except KeyboardInterrupt:
        print("\nInterrupted; everything the demo started has been stopped.", file=sys.stderr)
        return 130
    except (RuntimeError, TimeoutError) as failure:
        print(f"\nThe demo failed at step {watch.count}: {failure}", file=sys.stderr)
        return 1
    finally:
        remove(folder)
    story.discrepancies = story.wrong()
    if arguments.json:
        print(json.dumps(asdict(story), indent=2))
    else:
        show(story, Console())
    for sentence in story.discrepancies:
        print(sentence, file=sys.stderr)
    print(f"\nA flash sale in {watch.total:.1f} s.", file=sys.stderr)
    return 1 if story.discrepancies else 0


if __name__ == "__main__":
    sys.exit(main())
