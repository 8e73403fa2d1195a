"""How far every method is from the reference, with intervals: a column a metric, a line a method."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.drawing.style import COLOURS, FRAME, QUIET, WIDTH, message, panels, title
from marrow.evaluation.columns import LOWER_IS_BETTER, METRIC_TITLES

SHOWN = ("accuracy", "balanced_accuracy", "f1", "auc", "log_loss", "brier")
LINE, MARGIN = 0.26, 0.75  # inches


def differences_figure(table: pd.DataFrame, titles: Mapping[str, str], reference: str, significance: float) -> Figure:
    """Draw the differences of all methods to the one called `reference`; `titles` is method -> title.

    A corrected p below `significance` fills the point.
    """
    if table.empty:
        return message("There is one method only, so there is nothing to compare.")
    if table["difference"].isna().all():
        return message("Nothing can be compared, for runs are missing. notes.csv says which.")
    parts, methods = table["part"].unique(), table["method"].unique()
    height = LINE * len(methods) + MARGIN
    figure, axes = panels(len(parts), len(SHOWN), WIDTH / len(SHOWN), height, sharex="col", sharey=True)
    for part, across in zip(parts, axes, strict=True):
        for metric, place in zip(SHOWN, across, strict=True):
            rows = table[(table["part"] == part) & (table["metric"] == metric)]
            _draw(place, rows.set_index("method").reindex(methods), significance)
            if part == parts[-1]:
                place.set_xlabel("← better" if metric in LOWER_IS_BETTER else "better →")
            if part == parts[0]:
                title(place, METRIC_TITLES[metric])
        across[0].set_yticks(range(len(methods)), [titles[method] for method in methods])
        if len(parts) > 1:
            across[0].set_ylabel(part)
    figure.suptitle(
        f"Difference to {titles.get(reference, reference)}, 95% interval over patients; filled where it holds after "
        "correction for many comparisons",
        fontsize=8,
        color=QUIET,
        x=0.01,
        ha="left",
    )
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, significance: float) -> None:
    """A line for each row, from above."""
    axes.axvline(0, color=FRAME, linewidth=0.8)
    numbers = rows[["difference", "low", "high", "p_corrected"]].itertuples(index=False)
    for index, (difference, low, high, p) in enumerate(numbers):
        if math.isnan(difference):
            axes.text(0, index, "missing", ha="center", va="center", fontsize=6.5, color=QUIET, backgroundcolor="white")
            continue
        if not math.isnan(low):
            axes.plot([low, high], [index, index], color=COLOURS[0], linewidth=1.2, solid_capstyle="butt")
        fill = COLOURS[0] if p < significance else "white"
        axes.plot(difference, index, "o", markersize=4.5, color=COLOURS[0], markerfacecolor=fill)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
