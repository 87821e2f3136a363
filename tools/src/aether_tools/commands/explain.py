"""`aether explain`: what a finding's code means, with an example."""

from __future__ import annotations

import textwrap

from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.console import OK, UsageError, print_line

_WIDTH = 100


def explain(code: str) -> int:
    """Print what a code means. Return the exit code. Raises `UsageError` for a code without an explanation."""
    explanation = EXPLANATIONS.get(code)
    if explanation is None:
        raise UsageError(
            f"no explanation of {code}: docs/checks.md lists every code; explained are {', '.join(sorted(EXPLANATIONS))}."
        )
    for text in (f"{code}: {explanation.what}", "", f"Why: {explanation.why}", ""):
        print_line(textwrap.fill(text, _WIDTH))
    for title, example in (("Wrong", explanation.wrong), ("Right", explanation.right)):
        print_line(f"{title}, in {explanation.file}:\n")
        print_line(textwrap.indent(example, "    "))
    return OK
