"""What more training bags are worth: AUC and accuracy by their number, as in figures 1 to 3 of attention-based MIL."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.drawing.style import COLOURS, GRID, WIDTH, colour, dash, marker, message, panels, title
from marrow.evaluation.columns import METRIC_TITLES

SHOWN = ("auc", "accuracy")
APART = 0.012  # share of the axis between two methods' points, so that their intervals do not hide each other


def sizes_figure(table: pd.DataFrame, titles: Mapping[str, str], training_bags: Mapping[str, int]) -> Figure:
    """Draw the curves of a summary; `titles` is method -> title, `training_bags` is part -> how many it has."""
    if len(training_bags) < 2:
        return message("These data have one number of training bags, so there is no curve over it.")
    if table["mean"].isna().all():
        return message("No method has all its runs, so there is no curve. runs.csv says why.")
    methods = table["method"].unique()
    points = table.assign(bags=table["part"].map(training_bags)).dropna(subset="mean").sort_values("bags")
    figure, axes = panels(1, len(SHOWN), WIDTH / len(SHOWN) - 0.4, 3.4)
    for metric, place in zip(SHOWN, axes[0], strict=True):
        for index, method in enumerate(methods):
            of_method = points[(points["metric"] == metric) & (points["method"] == method)]
            _draw(place, of_method, index, index - (len(methods) - 1) / 2, titles[method])
        place.set_xscale("log")
        place.minorticks_off()
        ticks = sorted(set(training_bags.values()))
        place.set_xticks(ticks, [str(tick) for tick in ticks])
        place.grid(axis="y", color=GRID, linewidth=0.6)
        place.set_xlabel("training bags")
        title(place, f"{METRIC_TITLES[metric]}, mean over runs and 95% interval over patients", 60)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _draw(axes: Axes, points: pd.DataFrame, index: int, aside: float, label: str) -> None:
    """A method's line; it stands so many places aside, for intervals not to hide each other."""
    style: dict[str, Any] = {"color": colour(index), "linestyle": dash(index), "marker": marker(index), "label": label}
    places = points["bags"] * (1 + APART * aside)
    axes.plot(
        places, points["mean"], linewidth=1.3, markersize=4, markeredgecolor="white", markeredgewidth=0.5, **style
    )
    axes.vlines(places, points["low"], points["high"], color=COLOURS[index % len(COLOURS)], linewidth=0.8, alpha=0.6)
