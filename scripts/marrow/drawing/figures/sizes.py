"""What more training bags are worth: AUC and accuracy by their number, as in figures 1 to 3 of attention-based MIL."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.drawing.style import COLOURS, GRID, WIDTH, colour, dash, marker, message, panels, title
from marrow.evaluation.cells import distinct, number
from marrow.evaluation.overview_tables import NAMES

SHOWN = ("auc", "accuracy")
APART = 0.012  # share of the axis between two methods' points, so that their intervals do not hide each other


def sizes_figure(rows: Sequence[dict[str, str]], titles: Mapping[str, str], training_bags: Mapping[str, int]) -> Figure:
    """Draw the curves.

    Args:
        rows: of the summary.
        titles: method -> title.
        training_bags: part -> how many it has.
    """
    if len(training_bags) < 2:
        return message("These data have one number of training bags, so there is no curve over it.")
    if not any(row["mean"] for row in rows):
        return message("No method has all its runs, so there is no curve. runs.csv says why.")
    methods = distinct(rows, "method")
    figure, axes = panels(1, len(SHOWN), WIDTH / len(SHOWN) - 0.4, 3.4)
    for metric, place in zip(SHOWN, axes[0], strict=True):
        for index, method in enumerate(methods):
            chosen = [row for row in rows if row["metric"] == metric and row["method"] == method]
            _draw(place, chosen, training_bags, index, len(methods), titles[method])
        place.set_xscale("log")
        place.minorticks_off()
        ticks = sorted(set(training_bags.values()))
        place.set_xticks(ticks, [str(tick) for tick in ticks])
        place.grid(axis="y", color=GRID, linewidth=0.6)
        place.set_xlabel("training bags")
        title(place, f"{NAMES[metric]}, mean over runs and 95% interval over patients", 60)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _draw(
    axes: Axes, rows: Sequence[dict[str, str]], training_bags: Mapping[str, int], index: int, of: int, label: str
) -> None:
    known = sorted(
        (training_bags[row["part"]], number(row["mean"]), number(row["low"]), number(row["high"]))
        for row in rows
        if row["mean"]
    )
    style: dict[str, Any] = {"color": colour(index), "linestyle": dash(index), "marker": marker(index), "label": label}
    if not known:
        axes.plot([], [], **style)
        return
    bags, mean, low, high = np.array(known).T
    places = bags * (1 + APART * (index - (of - 1) / 2))
    axes.plot(places, mean, linewidth=1.3, markersize=4, markeredgecolor="white", markeredgewidth=0.5, **style)
    axes.vlines(places, low, high, color=COLOURS[index % len(COLOURS)], linewidth=0.8, alpha=0.6)
