"""Figures of sheets and maps: placed in inches, with framed pictures, drawn into pixels, saved as a small PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from marrow.drawing.ink import FRAME, palette

DPI = 100


class Sheet:
    """A figure with coordinates in inches from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=DPI)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes whose upper left corner is at (left, top)."""
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def text(self, left: float, top: float, words: str, **style: object) -> None:
        """Words whose upper left corner is at (left, top)."""
        style = {"va": "top", "ha": "left"} | style
        self.figure.text(left / self.width, 1 - top / self.height, words, **style)  # pyright: ignore[reportArgumentType]

    def save(self, path: Path, colours: Image.Image | None = None) -> None:
        """Write the sheet as a PNG with a fixed palette of 256 colours (that of the quality sheet by default).

        The palette halves its size. The same sheet gives the same bytes: the file has no version and no date.
        """
        image = drawn(self.figure).quantize(palette=colours or palette(), dither=Image.Dither.NONE)
        image.save(path, format="PNG", optimize=True)


def drawn(figure: Figure) -> Image.Image:
    """The pixels of a figure, RGB."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def frame(axes: Axes) -> None:
    """Draw a thin frame around a picture, and no ticks."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=FRAME, linewidth=0.6)


def name_sides(axes: Axes, letters: Sequence[str], color: str = "white") -> None:
    """Write which side of the patient is at the left and which at the right of a picture, such as R and L."""
    for place, letter, side in zip((0.03, 0.97), letters, ("left", "right"), strict=True):
        axes.text(place, 0.01, letter, transform=axes.transAxes, fontsize=8, color=color, va="bottom", ha=side)


def shortened(name: str, most: int) -> str:
    """A name of at most so many characters."""
    return name if len(name) <= most else name[: most - 1] + "…"
