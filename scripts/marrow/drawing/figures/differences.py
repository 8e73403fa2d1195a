"""How far every method is from the reference, with intervals: a column a metric, a line a method."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.drawing.style import COLOURS, FRAME, QUIET, WIDTH, message, panels, title
from marrow.evaluation.cells import distinct, number
from marrow.evaluation.metrics import LOWER_IS_BETTER
from marrow.evaluation.overview_tables import NAMES
from marrow.evaluation.results import TextRow

SHOWN = ("accuracy", "balanced_accuracy", "f1", "auc", "log_loss", "brier")
LINE, MARGIN = 0.26, 0.75  # inches


def differences_figure(
    rows: Sequence[dict[str, str]], titles: Mapping[str, str], reference: str, significance: float
) -> Figure:
    """Draw the differences.

    Args:
        rows: of the comparisons.
        titles: method -> title.
        reference: the method that the others are compared with.
        significance: a corrected p below it fills the point.
    """
    if not rows:
        return message("There is one method only, so there is nothing to compare.")
    if not any(row["difference"] for row in rows):
        return message("Nothing can be compared, for runs are missing. notes.csv says which.")
    parts, methods = distinct(rows, "part"), distinct(rows, "method")
    height = LINE * len(methods) + MARGIN
    figure, axes = panels(len(parts), len(SHOWN), WIDTH / len(SHOWN), height, sharex="col", sharey=True)
    for part, across in zip(parts, axes, strict=True):
        for metric, place in zip(SHOWN, across, strict=True):
            chosen = [row for row in rows if row["part"] == part and row["metric"] == metric]
            _draw(place, {row["method"]: row for row in chosen}, methods, significance)
            better = "← better" if metric in LOWER_IS_BETTER else "better →"
            if part == parts[-1]:
                place.set_xlabel(better)
            if part == parts[0]:
                title(place, NAMES[metric].removesuffix(" ↓"))
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


def _draw(axes: Axes, rows: Mapping[str, TextRow], methods: Sequence[str], significance: float) -> None:
    axes.axvline(0, color=FRAME, linewidth=0.8)
    for index, method in enumerate(methods):
        row = rows.get(method, {})
        difference, low, high, p = (number(row.get(name, "")) for name in ("difference", "low", "high", "p_corrected"))
        if np.isnan(difference):
            axes.text(0, index, "missing", ha="center", va="center", fontsize=6.5, color=QUIET, backgroundcolor="white")
            continue
        if not np.isnan(low):
            axes.plot([low, high], [index, index], color=COLOURS[0], linewidth=1.2, solid_capstyle="butt")
        fill = COLOURS[0] if p < significance else "white"
        axes.plot(difference, index, "o", markersize=4.5, color=COLOURS[0], markerfacecolor=fill)
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
