"""Whether probabilities come true: the share that did against the probability that was said, a panel a method."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from marrow.drawing.figures.grid import Panel, grid
from marrow.drawing.style import COLOURS, FRAME, GRID, message, title
from marrow.evaluation.cells import distinct, number
from marrow.evaluation.results import TextRow


def reliability_figure(rows: Sequence[dict[str, str]], titles: Mapping[str, str]) -> Figure:
    """Draw the curves; `titles` is method -> title."""
    if not rows:
        return message("There is no reliability curve, for no method has all its runs. runs.csv says why.")
    parts, methods = distinct(rows, "part"), distinct(rows, "method")
    figure, places = grid(parts, methods, 1.95, 2.1)
    by_place: dict[tuple[str, str], list[TextRow]] = {}
    for row in rows:
        by_place.setdefault((row["part"], row["method"]), []).append(row)
    for panel in places:
        _draw(panel, by_place.get((panel.part, panel.method), []))
        title(panel.axes, titles[panel.method] if len(parts) == 1 else f"{titles[panel.method]}, {panel.part}")
    return figure


def _draw(panel: Panel, rows: Sequence[TextRow]) -> None:
    """The diagonal is perfect; bars are shares of the bags, and so is the area of a point."""
    axes = panel.axes
    low, high, count, said, came = (
        np.array([number(row[name]) for row in rows])
        for name in ("low", "high", "count", "mean_probability", "observed")
    )
    axes.plot([0, 1], [0, 1], color=FRAME, linewidth=0.8, linestyle="--")
    share = count / max(count.sum(), 1)
    axes.bar(low, share, high - low, align="edge", color=GRID, edgecolor="white", linewidth=0.5)
    known = count > 0
    axes.plot(said[known], came[known], color=COLOURS[0], linewidth=1.2)
    axes.scatter(
        said[known], came[known], 6 + 70 * share[known], COLOURS[0], edgecolor="white", linewidth=0.4, clip_on=False
    )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.04), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    axes.tick_params(labelbottom=panel.is_lowest, labelleft=panel.is_left)
    if panel.is_lowest:
        axes.set_xlabel("probability said")
    if panel.is_left:
        axes.set_ylabel("share that came true")
