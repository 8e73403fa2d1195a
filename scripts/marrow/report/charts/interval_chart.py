"""A chart of values with their intervals, a row each: what a table of means hides is how wide the intervals are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from marrow.report.charts.scale import UNBOUNDED, scale_of

WIDTH, ROW = 210, 20  # in the units of the SVG
LETTER = 7.6  # room for a letter of a name
MOST_LETTERS = 22


@dataclass(frozen=True)
class Interval:
    """A value; `low` and `high` are NaN where no interval is known."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    note: str = ""

    @property
    def has_ends(self) -> bool:
        """Whether an interval is known."""
        return not (math.isnan(self.low) or math.isnan(self.high))


@dataclass(frozen=True)
class IntervalRow:
    """A row as it is drawn: places on the scale, and what it says when pointed at."""

    name: str
    label: str
    y: float
    value: float
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class IntervalChart:
    """The drawing.

    Attributes:
        title: its heading.
        label: what is read out in its place.
        rows: from the top.
        ticks: place and number.
        zero: place of nought, where it matters.
        margin: room for the names, left of the scale.
        width, height: of the scale and of all rows.
    """

    title: str
    label: str
    rows: tuple[IntervalRow, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: float | None
    margin: int
    width: int
    height: int


def interval_chart(
    title: str, intervals: Sequence[Interval], bounds: tuple[float, float] = UNBOUNDED, *, marks_zero: bool = False
) -> IntervalChart | None:
    """The chart of intervals, or None where there are none; `bounds` is what values can be."""
    if not intervals:
        return None
    values = [end for one in intervals for end in (one.value, one.low, one.high) if not math.isnan(end)]
    scale = scale_of(values, WIDTH, (0.0, 0.0) if marks_zero else None, margin=0.04, bounds=bounds)
    rows = tuple(
        IntervalRow(
            name=_short(one.name),
            label=_words(one),
            y=(index + 0.5) * ROW,
            value=scale.place(one.value),
            ends=(scale.place(one.low), scale.place(one.high)) if one.has_ends else None,
        )
        for index, one in enumerate(intervals)
    )
    return IntervalChart(
        title=title,
        label=f"{title}: " + "; ".join(row.label for row in rows),
        rows=rows,
        ticks=scale.ticks(),
        zero=scale.place(0.0) if marks_zero else None,
        margin=round(14 + LETTER * max(len(row.name) for row in rows)),
        width=WIDTH,
        height=len(rows) * ROW,
    )


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def _words(one: Interval) -> str:
    interval = f", from {one.low:.3f} to {one.high:.3f}" if one.has_ends else ""
    return f"{one.name} {one.value:.3f}{interval}{f', {one.note}' if one.note else ''}"
