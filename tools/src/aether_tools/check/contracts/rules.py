"""The rules of quality, each with its reason."""

from __future__ import annotations

from typing import Final

QUALITY: Final = {
    "quality-description": "whoever calls the service knows only what the contract says",
    "quality-summary": "two operations with one summary were copied, and one of them is not described",
    "quality-text": "a text without a limit fills memory, logs and columns",
    "quality-list": "one call could ask for the work of thousands",
    "quality-page-size": "one answer could hold the whole table",
    "quality-paging": "the answer grows with the data until it fails",
    "quality-open": "a misspelt property is ignored in silence",
    "quality-tag": "documentation groups operations by their tags",
    "quality-unused": "readers look for what uses it",
    "quality-side-effects": "gRPC clients and retries go by the method's option, REST clients by the verb",
    "quality-name": "clients generate code from the names, and guess those that they have not seen",
}
"""The rules of quality, with the reason of each."""
SWITCHABLE: Final = (*QUALITY, "contract-status")
"""The rules that `[tool.aether.check] off` may name: of the others each is a contradiction."""
