"""A chart of goodput over offered load, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

_WIDTH, _HEIGHT = 420, 260
_LEFT, _TOP, _GAP = 50, 40, 90
_COLOURS: Final = ("#1b6ca8", "#9ec5e0", "#2a7f4f", "#a5d3b7", "#b5532a")
_SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

Sample = tuple[str, str, int, float]
"""Kind of work, subject, offered load as a multiple of the capacity, and goodput as a part of the peak."""


def chart(samples: Sequence[Sample]) -> str:
    """Return one panel for each kind of work, with a line for each subject; the x axis is logarithmic."""
    kinds = list(dict.fromkeys(kind for kind, *_ in samples))
    subjects = list(dict.fromkeys(subject for _, subject, *_ in samples))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(subjects)}
    width = _LEFT + max(1, len(kinds)) * (_WIDTH + _GAP)
    height = _TOP + _HEIGHT + 60 + 18 * len(subjects)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, kind in enumerate(kinds):
        left = _LEFT + number * (_WIDTH + _GAP)
        parts += _panel(left, kind, [sample for sample in samples if sample[0] == kind], colours)
    for number, (name, colour) in enumerate(colours.items()):
        y = _TOP + _HEIGHT + 62 + 18 * number
        parts.append(f'<rect x="{_LEFT}" y="{y - 9}" width="18" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 26}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(left: float, kind: str, samples: Sequence[Sample], colours: dict[str, str]) -> Iterable[str]:
    most = max(multiple for _, _, multiple, _ in samples)

    def x(multiple: float) -> float:
        return left + _WIDTH * math.log(multiple) / math.log(max(most, 2))

    def y(share: float) -> float:
        return _TOP + _HEIGHT * (1 - share)

    yield f'<text x="{left}" y="{_TOP - 16}" font-weight="bold">A use case that {escape(kind)}</text>'
    for share in _SHARES:
        yield f'<path d="M{left} {y(share):.1f} h{_WIDTH}" stroke="#dddddd"/>'
        yield f'<text x="{left - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
    for multiple in sorted({multiple for _, _, multiple, _ in samples}):
        yield f'<text x="{x(multiple):.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{multiple}x</text>'
    middle = left + _WIDTH / 2
    yield f'<text x="{middle}" y="{_TOP + _HEIGHT + 36}" text-anchor="middle">offered load / capacity</text>'
    for name in dict.fromkeys(subject for _, subject, *_ in samples):
        points = [(x(multiple), y(share)) for _, subject, multiple, share in samples if subject == name]
        line = " L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        yield f'<path d="M{line}" fill="none" stroke="{colours[name]}" stroke-width="2"/>'
        for across, down in points:
            yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colours[name]}"/>'
