"""Scales of drawings: where a value lies, and where a reader expects the numbers beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

EPSILON = 1e-9
UNBOUNDED = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
LOSS = (0.0, math.inf)


@dataclass(frozen=True)
class Scale:
    """A line from `low` to `high` that is `length` long in the units of a drawing."""

    low: float
    high: float
    length: float

    def place(self, value: float) -> float:
        """Where a value lies; a scale without extent has everything in its middle."""
        span = self.high - self.low
        share = (value - self.low) / span if span > 0 else 0.5
        return round(share * self.length, 1)

    def ticks(self, count: int = 4) -> tuple[tuple[float, str], ...]:
        """Place and number of about `count` round values."""
        return tuple((self.place(value), text) for value, text in round_values(self.low, self.high, count))


def scale_of(
    values: Sequence[float],
    length: float,
    least: tuple[float, float] | None = None,
    margin: float = 0.0,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Scale:
    """A scale that holds all values.

    Args:
        values: what is drawn; at least one unless `least` is given.
        length: in the units of the drawing.
        least: what the scale holds in any case.
        margin: room at either end, as a share of the extent.
        bounds: what values can be at all; no room is made beyond.
    """
    every = [*values, *(least or ())]
    low, high = min(every), max(every)
    room = margin * (high - low) or (0.0 if high > low else max(abs(high), 1.0) * 0.1)
    return Scale(max(low - room, bounds[0]), min(high + room, bounds[1]), length)


def round_values(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """About `count` multiples of 1, 2 or 5 times a power of ten between two values, each with its text."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [(low, f"{low:g}")]
    power = 10.0 ** math.floor(math.log10(span / count))
    steps = [power * factor for factor in (0.5, 1, 2, 5, 10)]
    fitting = [step for step in steps if span / step <= count + EPSILON]
    inside = {step: (math.ceil(low / step - EPSILON), math.floor(high / step + EPSILON)) for step in steps}
    step = next((step for step in fitting if inside[step][1] > inside[step][0]), steps[steps.index(fitting[0]) - 1])
    first, last = inside[step]
    digits = max(0, -math.floor(math.log10(step) + EPSILON))
    large = max(abs(low), abs(high)) >= 1e5 or digits > 5
    return [
        (i * step, f"{i * step:.1e}" if large and i else f"{i * step + 0.0:.{digits}f}") for i in range(first, last + 1)
    ]
