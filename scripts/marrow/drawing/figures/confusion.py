"""Which classes are taken for which: a matrix a method, with counts and per cent of the row."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from marrow.drawing.figures.grid import Panel, grid
from marrow.drawing.style import INK, QUIET, message, title

EDGE = 0.62  # inches of a cell
DARK = 55  # per cent from which on writing is white


def confusion_figure(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw the matrices; `titles` is method -> title."""
    if table.empty:
        return message("There is no confusion matrix, for no method has all its runs. runs.csv says why.")
    classes = table["label"].unique().tolist()
    edge = EDGE * len(classes)
    figure, panels = grid(table, titles, edge + 0.2, edge + 0.5)
    for panel in panels:
        _draw(panel, classes)
        title(panel.axes, panel.title, 9 * len(classes))
    figure.supxlabel("predicted", fontsize=8, color=QUIET)
    figure.supylabel("label", fontsize=8, color=QUIET)
    return figure


def _draw(panel: Panel, classes: list[str]) -> None:
    columns = ["label", "predicted", "count", "row_percent"]
    for label, predicted, count, percent in panel.rows[columns].itertuples(index=False):
        place = classes.index(predicted), classes.index(label)
        text = f"{count}" if math.isnan(percent) else f"{count}\n{percent:.0f}%"
        shade = "white" if percent >= DARK else INK
        panel.axes.text(*place, text, ha="center", va="center", color=shade, fontsize=7.5)
    percents = panel.rows.pivot(index="label", columns="predicted", values="row_percent")
    panel.axes.imshow(percents.reindex(index=classes, columns=classes), cmap="Blues", vmin=0, vmax=120)
    numbers = range(len(classes))
    panel.axes.set_xticks(numbers, classes, rotation=35, ha="right", rotation_mode="anchor")
    panel.axes.set_yticks(numbers, classes)
    panel.axes.tick_params(length=0, labelbottom=panel.is_lowest, labelleft=panel.is_left)
    panel.axes.spines[:].set_visible(False)
