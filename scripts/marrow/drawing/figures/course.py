"""How training went: a row a method, a column a quantity; the median over runs and, shaded, all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, SymmetricalLogLocator

from marrow.drawing.style import COLOURS, DASHES, GRID, INK, QUIET, WIDTH, message, panels, thinned, title
from marrow.evaluation.curves import Curves

MAIN = "main"
LINEAR_TO = 0.1  # inner products below this are small
ROW, MARGIN = 1.15, 0.45


@dataclass(frozen=True)
class Shown:
    """A column of panels.

    Attributes:
        name: above it.
        quantities: what is drawn, or, ending in `_`, what begins with that; with what a legend calls each.
        scale: of the values: linear, log or symlog.
        limits: of the values, if they are known.
    """

    name: str
    quantities: Mapping[str, str]
    scale: str = "linear"
    limits: tuple[float, float] | None = None


TRAINING = (
    Shown("Main loss", {"loss_main": "training", "validation_loss": "validation"}),
    Shown("Validation", {"validation_f1": "macro F1", "validation_accuracy": "accuracy"}, limits=(-0.03, 1.03)),
    Shown("Auxiliary losses", {"loss_": ""}),
    Shown("Attention entropy, 1 is even", {"attention_entropy": ""}, limits=(-0.03, 1.03)),
)
WEIGHTS = (
    Shown("Task weight w", {"weight_": ""}),
    Shown("Squared gradient |g|²", {"norm2_": ""}, "log"),
    Shown("<g main, g auxiliary>", {"dot_": ""}, "symlog"),
    Shown("Cosine of the two", {"cosine_": ""}, limits=(-1.03, 1.03)),
    Shown("Attention entropy, 1 is even", {"attention_entropy": ""}, limits=(-0.03, 1.03)),
)


def course_figure(curves: Curves, titles: Mapping[str, str], parts: Sequence[str], columns: Sequence[Shown]) -> Figure:
    """Draw the curves of the methods in `titles` (method -> title)."""
    methods = [method for method in titles if curves.quantities(method)]
    if not methods:
        return message("There is no history of a training here. runs.csv says what became of the runs.")
    columns = [shown for shown in columns if any(_named(curves, method, shown) for method in methods)]
    height = ROW + MARGIN / len(methods)
    figure, axes = panels(len(methods), len(columns), WIDTH / len(columns), height, sharex=True, sharey="col")
    explained: set[str] = set()
    for method, across in zip(methods, axes, strict=True):
        for shown, place in zip(columns, across, strict=True):
            _draw(place, curves, method, parts, shown)
            if len(place.get_legend_handles_labels()[0]) > 1 and shown.name not in explained:
                place.legend(loc="best", handlelength=1.2, borderaxespad=0.1, labelspacing=0.15, fontsize=6.5)
                explained.add(shown.name)
            if method == methods[0]:
                title(place, shown.name, 40)
            if method == methods[-1]:
                place.set_xlabel("epoch")
        across[0].set_ylabel(titles[method], color=INK, rotation=0, ha="right", va="center")
    if len(parts) > 1:
        lines = [Line2D([], [], color=COLOURS[index % len(COLOURS)]) for index in range(len(parts))]
        figure.legend(lines, parts, loc="outside lower center", ncols=len(parts))
    return figure


def has_weights(curves: Curves, method: str) -> bool:
    """Whether a method weighs auxiliary tasks."""
    return any(name.startswith("weight_") and name != f"weight_{MAIN}" for name in curves.quantities(method))


def _draw(axes: Axes, curves: Curves, method: str, parts: Sequence[str], shown: Shown) -> None:
    drawn = 0
    for index, part in enumerate(parts):
        for position, (quantity, name) in enumerate(_named(curves, method, shown)):
            course = curves.course(part, method, quantity)
            if course is not None:
                label = name if index == 0 else ""
                colour, dash = (position, 0) if len(parts) == 1 else (index, position)
                _line(axes, course, COLOURS[colour % len(COLOURS)], DASHES[dash % len(DASHES)], label)
                drawn += 1
    _scale(axes, shown.scale)
    if shown.limits:
        axes.set_ylim(*shown.limits)
    axes.grid(axis="y", color=GRID, linewidth=0.5)
    if not drawn:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", color=QUIET, fontsize=7)


def _scale(axes: Axes, scale: str) -> None:
    """Set a scale with few ticks and plain numbers at them."""
    if scale == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
    elif scale == "symlog":
        axes.set_yscale("symlog", linthresh=LINEAR_TO)
        locator = SymmetricalLogLocator(base=10, linthresh=LINEAR_TO)
        locator.set_params(numticks=5)
        axes.yaxis.set_major_locator(locator)
    if scale != "linear":
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")


def _named(curves: Curves, method: str, shown: Shown) -> list[tuple[str, str]]:
    """The quantities of a column that a method has, each with its name in the legend."""
    named: list[tuple[str, str]] = []
    has = curves.quantities(method)
    for prefix, name in shown.quantities.items():
        if not prefix.endswith("_"):
            named += [(prefix, name)] if prefix in has else []
            continue
        begins = sorted((name for name in has if name.startswith(prefix)), key=lambda name: not name.endswith(MAIN))
        skipped = f"loss_{MAIN}"  # and its terms, which have a column of their own or none
        named += [(quantity, quantity.removeprefix(prefix)) for quantity in begins if not quantity.startswith(skipped)]
    return named


def _line(axes: Axes, course: pd.DataFrame, colour: str, dash: str, label: str) -> None:
    """The median of runs (rows) over epochs (columns), and the range of all of them."""
    course = course.iloc[:, thinned(course.shape[1])]
    axes.plot(course.columns, course.median(), color=colour, linestyle=dash, linewidth=1.1, label=label)
    if len(course) > 1:
        axes.fill_between(course.columns, course.min(), course.max(), color=colour, alpha=0.15, linewidth=0)
