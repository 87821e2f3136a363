"""`aether explain`: what a finding's code means, with an example."""

from __future__ import annotations

import textwrap
from difflib import get_close_matches

from aether_tools.breaking import accept, proto_rules
from aether_tools.breaking.examples import EXAMPLES
from aether_tools.breaking.rules import RULES
from aether_tools.check.explanations import EXPLANATIONS
from aether_tools.console import OK, UsageError, print_line

_WIDTH = 100
_BUF = "buf-"


def explain(code: str) -> int:
    """Print what a code means. Return the exit code. Raises `UsageError` for a code without an explanation."""
    if code in EXPLANATIONS:
        _explain_finding(code)
    elif code in RULES:
        _explain_change(code)
    elif code in proto_rules.EVENTS:
        _explain_rule(f"{code}: a breaking change of a contract's events.proto", *proto_rules.EVENTS[code])
    elif code == accept.EXPIRED:
        what = "an entry of [[tool.aether.check.accept]] in pyproject.toml whose date has passed"
        _explain_rule(f"{code}: {what}", accept.WHY_EXPIRED, accept.FIX_EXPIRED)
    elif (rule := _rule(code)) is not None:
        _explain_rule(
            f"{code}: buf's rule {rule}, see https://buf.build/docs/breaking/rules/#{rule.lower()}",
            *proto_rules.reason_and_fix(code, rule),
        )
    else:
        codes = sorted((*EXPLANATIONS, *RULES, *proto_rules.EVENTS, accept.EXPIRED))
        close = get_close_matches(code, codes, 3)
        if close:
            raise UsageError(f"no explanation of {code}. Did you mean {' or '.join(close)}?")
        listed = textwrap.fill(", ".join(codes), _WIDTH, break_on_hyphens=False)
        raise UsageError(
            f"no explanation of {code}; its finding says what to do. Explained are the rules of buf, and:\n{listed}"
        )
    return OK


def _explain_finding(code: str) -> None:
    explanation = EXPLANATIONS[code]
    _paragraphs(f"{code}: {explanation.what}", f"Why: {explanation.why}")
    for title, example in (("Wrong", explanation.wrong), ("Right", explanation.right)):
        _example(f"{title}, in {explanation.file}", example)


def _explain_change(code: str) -> None:
    rule, example = RULES[code], EXAMPLES.get(code)
    _paragraphs(f"{code} ({rule.severity}): {rule.what}", f"Why: {rule.why}", f"Fix: {rule.fix}")
    if example is not None:
        place = {"request": "a schema that clients send", "response": "a schema that clients get"}
        where = place.get(
            example.where, f"an {example.where}" if example.where == "operation" else "a document"
        )
        _example(f"Before, in {where}", example.old)
        _example("After", example.new)
        if example.instead:
            _example("Instead", example.instead)


def _explain_rule(what: str, why: str, fix: str) -> None:
    _paragraphs(what, f"Why: {why}", f"Fix: {fix}")


def _rule(code: str) -> str | None:
    """Return the rule of buf that a code names."""
    rule = code.removeprefix(_BUF).upper().replace("-", "_")
    known = code.startswith(_BUF) and proto_rules.reason_and_fix(code, rule) != proto_rules.UNKNOWN
    return rule if known else None


def _paragraphs(*texts: str) -> None:
    for text in texts:
        print_line(f"{textwrap.fill(text, _WIDTH)}\n")


def _example(title: str, text: str) -> None:
    print_line(f"{title}:\n")
    print_line(textwrap.indent(f"{text.rstrip()}\n", "    "))
