"""Who tells whom: the events that the contracts declare, who publishes each, and who hears it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aether_tools.finding import Finding, Location
from aether_tools.workspace import Workspace


@dataclass(frozen=True, slots=True, order=True)
class Declared:
    """A message of events.proto. `name` is its full proto name, `owner` its domain."""

    name: str
    owner: str
    topic: str
    location: Location


@dataclass(frozen=True, slots=True)
class Declarations:
    """The events of all contracts. `names` are all classes of the generated modules, also those of nested messages."""

    events: tuple[Declared, ...]
    names: frozenset[str]


def declarations(workspace: Workspace) -> Declarations:
    """Return what the generated events modules of a workspace declare."""
    events: list[Declared] = []
    names: set[str] = set()
    for file in sorted((workspace.root / "proto" / "gen" / workspace.name).glob("*/v*/events.py")):
        domain, version = file.parts[-3:-1]
        package = f"{workspace.name}.{domain}.{version}"
        contract = workspace.root / "proto" / package.replace(".", "/") / "events.proto"
        try:
            module = ast.parse(file.read_bytes())
            lines = contract.read_text(encoding="utf-8").split("\n")
        except (OSError, SyntaxError, ValueError):
            continue  # the compiler reports it
        for node in module.body:
            if isinstance(node, ast.ClassDef):
                names.add(f"{package}.{node.name}")
                if any(
                    isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == "TYPE"
                    for each in node.body
                ):
                    place = _declaration(lines, node.name, workspace.relative(contract))
                    events.append(Declared(f"{package}.{node.name}", domain, package, place))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                names.add(f"{package}.{node.targets[0].id}")
    names |= {f"{each.topic}.TOPIC" for each in events}
    return Declarations(tuple(events), frozenset(names))


def _declaration(lines: Sequence[str], message: str, file: str) -> Location:
    for number, line in enumerate(lines, 1):
        declared = re.match(rf"\s*message\s+({re.escape(message)})\b", line)
        if declared:
            return Location(file, number, declared.start(1) + 1)
    return Location(file, 1, 1)


@dataclass(frozen=True, slots=True, order=True)
class Subscription:
    """A provider of container.py that hears events. `types` and `topics` are those that its arguments name."""

    domain: str
    provider: str
    topics: frozenset[str]
    types: frozenset[str]
    location: Location = field(compare=False)


@dataclass(frozen=True, slots=True)
class EventsOf:
    """The events that one domain publishes, and its subscriptions."""

    domain: str
    published: frozenset[str]
    subscriptions: tuple[Subscription, ...]

    def as_data(self) -> dict[str, Any]:
        """Return the events as JSON has them."""
        heard = [
            [each.provider, sorted(each.topics), sorted(each.types), each.location.file, each.location.line,
             each.location.column]
            for each in self.subscriptions
        ]  # fmt: skip
        return {"published": sorted(self.published), "heard": heard}

    @classmethod
    def from_data(cls, domain: str, data: Mapping[str, Any]) -> EventsOf:
        """Return the events of `as_data`."""
        heard = (
            Subscription(domain, provider, frozenset(topics), frozenset(types), Location(*place))
            for provider, topics, types, *place in data["heard"]
        )
        return cls(domain, frozenset(data["published"]), tuple(heard))


@dataclass(frozen=True, slots=True)
class EventMap:
    """The events of a workspace."""

    declared: tuple[Declared, ...] = ()
    published: frozenset[str] = frozenset()
    subscriptions: tuple[Subscription, ...] = ()

    def hearers(self, name: str) -> tuple[Subscription, ...]:
        """Return who hears an event."""
        return tuple(each for each in self.subscriptions if name in each.types)


def event_map(declared: Declarations, domains: Iterable[EventsOf]) -> EventMap:
    """Return the events of the workspace with these domains."""
    domains = tuple(domains)
    return EventMap(
        tuple(sorted(declared.events)),
        frozenset(name for domain in domains for name in domain.published),
        tuple(each for domain in domains for each in domain.subscriptions),
    )


def check_map(events: EventMap, domains: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings of `domains` that only the whole map shows."""
    chosen = set(domains)
    names = {each.name for each in events.declared}
    for each in events.declared:
        if each.owner in chosen and each.name not in events.published:
            hearers = ", ".join(sorted({hearer.domain for hearer in events.hearers(each.name)}))
            yield Finding(
                each.location,
                "event-unpublished",
                f"{each.owner} declares {each.name.rpartition('.')[2]}, but never publishes it"
                + (f"; {hearers} waits for it." if hearers else "."),
                "Make it in adapters/events.py from a domain event, or remove the message.",
            )
    for subscription in events.subscriptions:
        if subscription.domain not in chosen:
            continue
        heard = {name.rpartition(".")[0] for name in subscription.types}
        for name in sorted(subscription.types & names):
            if name.rpartition(".")[0] not in subscription.topics:
                yield Finding(
                    subscription.location,
                    "event-unheard",
                    f"{subscription.provider} handles {name}, but does not subscribe to its topic {name.rpartition('.')[0]}.",
                    "Pass the TOPIC of the same generated events.",
                )
        for topic in sorted(subscription.topics - heard):
            yield Finding(
                subscription.location,
                "event-unheard",
                f"{subscription.provider} subscribes to {topic}, but handles no event of it.",
                "Add a handler for an event of this topic, or remove the topic.",
            )
