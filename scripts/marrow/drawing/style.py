"""The style that all figures share: fonts, colours, panels, and their SVG file."""

import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, QUIET, FRAME, GRID = "#1b1f24", "#5d6670", "#c3c9d0", "#e6e9ed"
# The colours of Okabe and Ito that are visible on white; they can be told apart with any colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1b1f24")
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 10.0  # inches: the width of a page's column
_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 8,
    "text.parse_math": False,  # a `$` in a title is a `$`
    "text.color": INK,
    "axes.edgecolor": FRAME,
    "axes.labelcolor": QUIET,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "xtick.color": FRAME,
    "ytick.color": FRAME,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "marrow",
}


@contextmanager
def styled() -> Generator[None]:
    """Within the block, matplotlib draws in the figures' style."""
    with mpl.rc_context(_STYLE):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, without a date or the name of the program."""
    FigureCanvasSVG(figure)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.08)


def message(text: str) -> Figure:
    """A figure with a text that says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH, 0.9))
    figure.text(0.01, 0.5, "\n".join(textwrap.wrap(text, 130)), va="center", color=QUIET, fontsize=9)
    return figure


def panels(
    rows: int, columns: int, width: float, height: float, **shared: Any
) -> tuple[Figure, Sequence[Sequence[Axes]]]:
    """A figure of equal panels, each of a size in inches."""
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, axes.tolist()


def title(axes: Axes, text: str, width: int = 26) -> None:
    """Set a panel's title, wrapped to three lines at most."""
    axes.set_title("\n".join(textwrap.wrap(text, width)[:3]), loc="left", color=INK)


def colour(index: int) -> str:
    """A line's colour; together with its dash, 28 lines can be told apart."""
    return COLOURS[index % len(COLOURS)]


def dash(index: int) -> str:
    """A line's dash."""
    return DASHES[index // len(COLOURS) % len(DASHES)]


def marker(index: int) -> str:
    """A line's marker."""
    return MARKERS[index % len(MARKERS)]


def thinned(count: int, limit: int = 200) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The indices of at most `limit` evenly spaced points of `count`."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(np.int64))
