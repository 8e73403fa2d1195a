"""Whether probabilities come true: the share that did against the probability that was said, a panel a method."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from marrow.drawing.figures.grid import Panel, grid
from marrow.drawing.style import COLOURS, FRAME, GRID, message, title


def reliability_figure(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw the curves; `titles` is method -> title."""
    if table.empty:
        return message("There is no reliability curve, for no method has all its runs. runs.csv says why.")
    figure, panels = grid(table, titles, 1.95, 2.1)
    for panel in panels:
        _draw(panel)
        title(panel.axes, panel.title)
    return figure


def _draw(panel: Panel) -> None:
    """The diagonal is perfect; bars are shares of the bags, and so is the area of a point."""
    axes, bins = panel.axes, panel.rows
    axes.plot([0, 1], [0, 1], color=FRAME, linewidth=0.8, linestyle="--")
    bins = bins.assign(share=bins["count"] / max(bins["count"].sum(), 1))
    width = bins["high"] - bins["low"]
    axes.bar(bins["low"], bins["share"], width, align="edge", color=GRID, edgecolor="white", linewidth=0.5)
    filled = bins[bins["count"] > 0]
    points, sizes = (filled["mean_probability"], filled["observed"]), 6 + 70 * filled["share"]
    axes.plot(*points, color=COLOURS[0], linewidth=1.2)
    axes.scatter(*points, sizes, COLOURS[0], edgecolor="white", linewidth=0.4, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.04), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.tick_params(labelbottom=panel.is_lowest, labelleft=panel.is_left)
    if panel.is_lowest:
        axes.set_xlabel("probability said")
    if panel.is_left:
        axes.set_ylabel("share that came true")
