"""Which classes are taken for which: a matrix a method, with counts and per cent of the row."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from marrow.drawing.figures.grid import Panel, grid
from marrow.drawing.style import INK, QUIET, message, title
from marrow.evaluation.cells import distinct
from marrow.evaluation.results import TextRow

EDGE = 0.62  # inches of a cell
DARK = 55  # per cent from which on writing is white


def confusion_figure(rows: Sequence[dict[str, str]], titles: Mapping[str, str]) -> Figure:
    """Draw the matrices; `titles` is method -> title."""
    if not rows:
        return message("There is no confusion matrix, for no method has all its runs. runs.csv says why.")
    classes, parts, methods = (distinct(rows, name) for name in ("label", "part", "method"))
    edge = EDGE * len(classes)
    figure, places = grid(parts, methods, edge + 0.2, edge + 0.5)
    by_place: dict[tuple[str, str], list[TextRow]] = {}
    for row in rows:
        by_place.setdefault((row["part"], row["method"]), []).append(row)
    for panel in places:
        _draw(panel, by_place.get((panel.part, panel.method), []), classes)
        name = titles[panel.method] if len(parts) == 1 else f"{titles[panel.method]}, {panel.part}"
        title(panel.axes, name, 9 * len(classes))
    figure.supxlabel("predicted", fontsize=8, color=QUIET)
    figure.supylabel("label", fontsize=8, color=QUIET)
    return figure


def _draw(panel: Panel, rows: Sequence[TextRow], classes: Sequence[str]) -> None:
    percent = np.full((len(classes), len(classes)), np.nan)
    for row in rows:
        place = classes.index(row["label"]), classes.index(row["predicted"])
        percent[place] = float(row["row_percent"] or "nan")
        shade = "white" if percent[place] >= DARK else INK
        told = f"{row['count']}\n{percent[place]:.0f}%" if row["row_percent"] else row["count"]
        panel.axes.text(place[1], place[0], told, ha="center", va="center", color=shade, fontsize=7.5)
    panel.axes.imshow(percent, cmap="Blues", vmin=0, vmax=120)
    numbers = range(len(classes))
    panel.axes.set_xticks(numbers, classes, rotation=35, ha="right", rotation_mode="anchor")
    panel.axes.set_yticks(numbers, classes)
    panel.axes.tick_params(length=0, labelbottom=panel.is_lowest, labelleft=panel.is_left)
    panel.axes.spines[:].set_visible(False)
