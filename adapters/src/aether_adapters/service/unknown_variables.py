"""Finds variables with a service's prefix that are none of its settings.

Most often one is misspelt, and the setting that it was to change silently keeps its default: without mutual TLS, say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

FOREIGN_FIELD: Final = "foreign_variables"
_FILE: Final = "_file"
_SIMILARITY: Final = 0.7
_KUBERNETES_LINK: Final = re.compile(
    r"(?:\w+_)?(?:service_host|service_port(?:_\w+)?|port_\d+_(?:tcp|udp|sctp)(?:_(?:proto|port|addr))?)"
)
"""https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables"""
_PORT_LINK: Final = re.compile(r"(?:\w+_)?port")
_LINK_SCHEMES: Final = ("tcp://", "udp://", "sctp://")


def unknown_variables(
    prefix: str, known: Collection[str], variables: Mapping[str, str | None], markers: Collection[str]
) -> Iterator[str]:
    """Yield a sentence for each of the `variables` that has the prefix and is not in `known`; all are in lower case.

    What Kubernetes sets in every pod for a service of this name is passed over, and so are the variables of another
    domain whose name begins with this one's, as `user_admin_jwks` does with `user_`: such a domain shows by one of
    `markers`, fields of which every process sets one. So is what the field `FOREIGN_FIELD` names.
    """
    if not prefix:
        return
    mine = {f"{prefix}{field}" for field in known}
    mine |= {f"{name}{_FILE}" for name in mine}
    others = tuple(_longer_prefixes(prefix, mine, variables, markers))
    foreign = (variables.get(f"{prefix}{FOREIGN_FIELD}") or "").lower().split()
    for name, value in variables.items():
        rest = name.removeprefix(prefix)
        if (
            not name.startswith(prefix)
            or name in mine
            or name.startswith(others)
            or _KUBERNETES_LINK.fullmatch(rest)
            or (_PORT_LINK.fullmatch(rest) and (value or "").startswith(_LINK_SCHEMES))
            or any(_names(each, name, prefix) for each in foreign)
        ):
            continue
        yield _sentence(name.upper(), name, mine, f"{prefix}{FOREIGN_FIELD}")


def unknown_files(prefix: str, known: Collection[str], names: Iterable[str], folder: str) -> Iterator[str]:
    """Yield a sentence for each file that begins with the prefix or is named after a field, and is no variable's."""
    mine = {f"{prefix}{field}" for field in known}
    for name in sorted(names):
        lower = name.lower()
        if prefix and lower not in mine and (lower.startswith(prefix) or lower in known):
            yield _sentence(
                f"{folder}/{name}", lower if lower.startswith(prefix) else f"{prefix}{lower}", mine, ""
            )


def _sentence(shown: str, name: str, mine: Collection[str], foreign: str) -> str:
    for meant in get_close_matches(name, sorted(mine), 1, _SIMILARITY):
        return f"{shown} is no setting of this service; did you mean {meant.upper()}?"
    remedy = f", or name it in {foreign.upper()} if another program reads it" if foreign else ""
    return f"{shown} is no setting of this service: remove it{remedy}."


def _longer_prefixes(
    prefix: str, mine: Collection[str], variables: Iterable[str], markers: Collection[str]
) -> Iterator[str]:
    """Yield the prefixes of other domains that begin with this one."""
    for name in variables:
        if name.startswith(prefix) and name not in mine:
            for marker in markers:
                longer = name.removesuffix(_FILE).removesuffix(marker)
                if name.removesuffix(_FILE).endswith(f"_{marker}") and len(longer) > len(prefix):
                    yield longer


def _names(pattern: str, name: str, prefix: str) -> bool:
    """Whether the pattern names the variable; one for all variables with the prefix would switch the check off."""
    if pattern.endswith("*"):
        return len(pattern) > len(prefix) + 1 and name.startswith(pattern[:-1])
    return pattern == name
