"""A panel for each part and method: methods side by side, wrapped where there is a single part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.drawing.style import panels

ACROSS = 5


@dataclass(frozen=True)
class Panel:
    """A place for a method of a part; `is_left` and `is_lowest` where it carries the labels of its row or column."""

    part: str
    method: str
    axes: Axes
    is_left: bool
    is_lowest: bool


def grid(parts: Sequence[str], methods: Sequence[str], width: float, height: float) -> tuple[Figure, list[Panel]]:
    """A figure with a panel, of so many inches, for each part and method."""
    wrapped = len(parts) == 1
    columns = min(ACROSS, len(methods)) if wrapped else len(methods)
    rows = -(-len(methods) // columns) if wrapped else len(parts)
    figure, axes = panels(rows, columns, width, height, sharex=True, sharey=True)
    found = list(_panels(parts, methods, axes, columns))
    used = {id(panel.axes) for panel in found}
    for spare in (each for row in axes for each in row if id(each) not in used):
        spare.set_visible(False)
    return figure, found


def _panels(
    parts: Sequence[str], methods: Sequence[str], axes: Sequence[Sequence[Axes]], columns: int
) -> Iterator[Panel]:
    places = [(part, method) for part in parts for method in methods]
    for index, (part, method) in enumerate(places):
        row, column = divmod(index, columns)
        yield Panel(part, method, axes[row][column], column == 0, index + columns >= len(places))
