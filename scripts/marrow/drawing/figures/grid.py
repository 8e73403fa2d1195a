"""A panel for each part and method: methods side by side, wrapped where there is a single part."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.drawing.style import panels

ACROSS = 5


@dataclass(frozen=True)
class Panel:
    """A place for a method of a part.

    Attributes:
        rows: of the table that is drawn; none where the method has none in this part.
        title: of the method, with the name of the part where there are several.
        axes: to draw in.
        is_left, is_lowest: whether it carries the labels of its row or column.
    """

    rows: pd.DataFrame
    title: str
    axes: Axes
    is_left: bool
    is_lowest: bool


def grid(table: pd.DataFrame, titles: Mapping[str, str], width: float, height: float) -> tuple[Figure, list[Panel]]:
    """A figure with a panel, of so many inches, for each part and method of a table; `titles` is method -> title."""
    parts, methods = table["part"].unique(), table["method"].unique()
    across = min(ACROSS, len(methods)) if len(parts) == 1 else len(methods)
    places = [(part, method) for part in parts for method in methods]
    figure, axes = panels(-(-len(places) // across), across, width, height, sharex=True, sharey=True)
    flat = [each for row in axes for each in row]
    for spare in flat[len(places) :]:
        spare.set_visible(False)
    return figure, [
        Panel(
            rows=table[(table["part"] == part) & (table["method"] == method)],
            title=titles[method] if len(parts) == 1 else f"{titles[method]}, {part}",
            axes=flat[index],
            is_left=index % across == 0,
            is_lowest=index + across >= len(places),
        )
        for index, (part, method) in enumerate(places)
    ]
