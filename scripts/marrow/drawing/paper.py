"""The figure of quality and bone sheets: placed in inches, saved as a small PNG."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from marrow.drawing.ink import palette

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
        """Write the sheet as a PNG with a fixed palette of 256 colours, which halves its size.

        The same sheet gives the same bytes: the file has no version and no date.

        Args:
            path: the PNG to write.
            colours: the palette, from `ink.palette`; None for that of the quality sheet.
        """
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        image = image.quantize(palette=colours or palette(), dither=Image.Dither.NONE)
        image.save(path, format="PNG", optimize=True)
