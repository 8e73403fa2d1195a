"""A chart of lines: inline SVG, its ends and numbers chosen by what is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from marrow.report.charts.scale import Scale, scale_of

WIDTH, HEIGHT = 200, 110  # in the units of the SVG
DIGIT = 6.4  # room for a digit of the numbers beside it
MOST_POINTS = 90  # of a line; more cannot be told apart at this width

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """What is drawn as one line.

    Attributes:
        name: what it says when pointed at.
        points: x and y.
        hue: which colour of the palette.
        is_faint: whether it stands behind the others, as one seed behind the mean.
        has_dots: whether every point has a dot.
    """

    name: str
    points: tuple[Point, ...]
    hue: int = 0
    is_faint: bool = False
    has_dots: bool = False


@dataclass(frozen=True)
class LineChart:
    """The drawing.

    Attributes:
        title: its heading.
        label: what is read out in its place.
        lines: the series with their points as they are drawn.
        x_ticks, y_ticks: place and number.
        x_name: of the axis below.
        diagonal: the ends of a line of comparison, if there is one.
        margin: room for the numbers, left of the field.
        width, height: of the field.
    """

    title: str
    label: str
    lines: tuple[Series, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    x_name: str
    diagonal: tuple[Point, Point] | None
    margin: int
    width: int = WIDTH
    height: int = HEIGHT


def line_chart(
    title: str,
    series: Sequence[Series],
    x_name: str,
    *,
    x_least: tuple[float, float] | None = None,
    y_least: tuple[float, float] | None = None,
    has_diagonal: bool = False,
) -> LineChart | None:
    """The chart of series, or None where none has a point; `x_least` and `y_least` are in sight in any case."""
    points = [point for one in series for point in one.points]
    if not points:
        return None
    across = scale_of([x for x, _ in points], WIDTH, x_least)
    up = scale_of([y for _, y in points], HEIGHT, y_least)
    ends = ((across.low, up.low), (across.high, up.high))
    drawn = tuple(_placed(one, across, up) for one in series if one.points)
    bold = [one for one in series if one.points and not one.is_faint]
    last = "; ".join(f"{one.name} ends at {one.points[-1][1]:.3g}" for one in bold)
    y_ticks = up.ticks(3)
    return LineChart(
        title=title,
        label=f"{title}, by {x_name}: {last}",
        lines=drawn,
        x_ticks=across.ticks(),
        y_ticks=tuple((HEIGHT - place, text) for place, text in y_ticks),
        x_name=x_name,
        diagonal=(_at(ends[0], across, up), _at(ends[1], across, up)) if has_diagonal else None,
        margin=max(40, round(8 + DIGIT * max(len(text) for _, text in y_ticks))),
    )


def points_of(frame: pd.DataFrame, x: str, y: str) -> tuple[Point, ...]:
    """The points of two columns."""
    return tuple(zip(frame[x].tolist(), frame[y].tolist(), strict=True))


def _placed(series: Series, across: Scale, up: Scale) -> Series:
    points = tuple(_at(point, across, up) for point in _thinned(series.points))
    return Series(series.name, points, series.hue, series.is_faint, series.has_dots)


def _at(point: Point, across: Scale, up: Scale) -> Point:
    return across.place(point[0]), round(HEIGHT - up.place(point[1]), 1)


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """At most about `MOST_POINTS` of the points, the last among them."""
    step = max(1, -(-len(points) // MOST_POINTS))
    return [*points[:-1:step], points[-1]]
