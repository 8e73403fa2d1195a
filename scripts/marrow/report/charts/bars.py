"""A bar for each of a few values, drawn from the largest: lengths that are compared at a glance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 150  # of the longest, in the units of the SVG


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        name: what it is of.
        length: how long it is drawn.
        text: its value.
        note: what it says when pointed at.
        even: where it would end if all were alike; None where that is unknown.
    """

    name: str
    length: float
    text: str
    note: str
    even: float | None


def bars_of(values: Sequence[tuple[str, float, str, float]], form: str = "%.3f") -> tuple[Bar, ...]:
    """Bars of name, value, note and what would be even or NaN; a value below 0 has no length, `form` writes it."""
    ends = (end for _, value, _, even in values for end in (value, even) if not math.isnan(end))
    longest = max(ends, default=0.0) or 1.0

    def length(value: float) -> float:
        return round(max(value, 0.0) / longest * WIDTH, 1)

    return tuple(
        Bar(name.replace("_", " "), length(value), form % value, note, None if math.isnan(even) else length(even))
        for name, value, note, even in values
    )
