"""The figure of an inversion, after figures 3 and 4 of Shin et al. 2020: before above, after below.

(a) instances, (b) the same inverted, (c) instances times their attention, (d) instances times the attention of the
inverted ones, (e), (f) those that are marked, (g) those that are key. (h) is not the paper's: what the control marks
that shrinks and looks at no gradient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from marrow.drawing.ink import INK, QUIET, style
from marrow.drawing.inversion.cells import Pictures, sheet_of
from marrow.drawing.paper import drawn

WIDTH, DPI = 12.0, 110
COLOURS = 256
MARGIN, SPACE, HEAD, TITLE = 0.15, 0.15, 0.62, 0.42  # inches

Heights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Content:
    """What a figure shows; every array is of the instances shown, bag after bag.

    Attributes:
        heading: what was inverted.
        words: what there is to know, below the heading.
        before, after: (instances, rows, columns, 3), pictures of instances.
        heights: name of a quantity -> (instances,), from 0 to 1.
        thresholds: name of a quantity -> where marks begin; None where nobody chose.
        key: (instances,); None where nobody knows.
        rows, columns: (instances,), where they lie.
    """

    heading: str
    words: str
    before: Pictures
    after: Pictures
    heights: Mapping[str, Heights]
    thresholds: Mapping[str, float | None]
    key: npt.NDArray[np.bool_] | None
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]


def draw_figure(content: Content, sparse: str, control: str, path: Path) -> None:
    """Write the figure, the quantity `sparse` in its lower row and `control` in the last panel.

    The same content gives the same bytes.
    """
    panels = [
        (content.before, "(a) instances", None),
        (content.before, "(c) times attention", content.heights["attention"]),
        (content.before, *_marked(content, "attention", "(e) marked")),
        (content.before, *_key(content)),
        (content.after, "(b) inverted", None),
        (content.before, "(d) times attention after inversion", content.heights[sparse]),
        (content.before, *_marked(content, sparse, "(f) marked after inversion")),
        (content.before, *_marked(content, control, "(h) control: shrunk only, marked")),
    ]
    sheets = [(_sheet(content, cells, weights), title) for cells, title, weights in panels]
    height, width = sheets[0][0].shape[:2]
    edge = (WIDTH - 2 * MARGIN - 3 * SPACE) / 4
    tall = min(edge * height / width, 1.6 * edge)
    total = HEAD + 2 * (TITLE + tall) + MARGIN
    with mpl.rc_context(style()):
        figure = Figure(figsize=(WIDTH, total), dpi=DPI)
        figure.text(MARGIN / WIDTH, 1 - 0.12 / total, content.heading, fontsize=11, color=INK, va="top", weight="bold")
        figure.text(MARGIN / WIDTH, 1 - 0.36 / total, content.words, fontsize=8.5, color=QUIET, va="top")
        for number, (sheet, title) in enumerate(sheets):
            row, column = divmod(number, 4)
            left, top = MARGIN + column * (edge + SPACE), HEAD + row * (TITLE + tall) + TITLE
            place = (left / WIDTH, 1 - (top + tall) / total, edge / WIDTH, tall / total)
            _show(figure.add_axes(place), sheet, title)
        _save(figure, path)


def draw_nothing(heading: str, words: str, path: Path) -> None:
    """Write a figure that says why there is nothing to show."""
    with mpl.rc_context(style()):
        figure = Figure(figsize=(WIDTH, 1.2), dpi=DPI)
        figure.text(MARGIN / WIDTH, 0.8, heading, fontsize=11, color=INK, va="top", weight="bold")
        figure.text(MARGIN / WIDTH, 0.45, words, fontsize=8.5, color=QUIET, va="top")
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """As a PNG of 256 colours, which is a third of the size; no version and no date go in."""
    drawn(figure).quantize(COLOURS, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)


def _marked(content: Content, quantity: str, title: str) -> tuple[str, Heights | None]:
    """The title of a panel of marks, and which instances are marked."""
    threshold = content.thresholds[quantity]
    if threshold is None:
        return f"{title}: no threshold", np.zeros_like(content.heights[quantity])
    return f"{title} (from {threshold:g})", (content.heights[quantity] >= threshold).astype(np.float32)


def _key(content: Content) -> tuple[str, npt.NDArray[np.bool_]]:
    """The title of the panel of key instances, and which are."""
    if content.key is None:
        return "(g) key instances: nobody knows", np.zeros(len(content.rows), np.bool_)
    return "(g) key instances", content.key


def _sheet(content: Content, cells: Pictures, weights: npt.NDArray[np.generic] | None) -> Pictures:
    shown = cells if weights is None else cells * weights.astype(np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
    return sheet_of(shown, content.rows, content.columns)


def _show(axes: Axes, sheet: Pictures, title: str) -> None:
    axes.imshow(sheet, vmin=0, vmax=1, interpolation="antialiased", aspect="equal")
    axes.set_anchor("NW")
    axes.set_title(title, fontsize=9, color=INK, loc="left", pad=4)
    axes.set_axis_off()
