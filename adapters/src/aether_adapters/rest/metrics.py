"""Metrics of the REST server besides those of its requests."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

VALIDATOR_DEFECTS: Final = Counter(
    "aether_rest_validator_defects",
    "Values on which the schema validator itself failed; each was refused as malformed.",
)
