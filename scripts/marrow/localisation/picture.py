"""Pictures of maps: how they are saved, and their colours.

Weight goes from white over orange to dark red on white paper, and what speaks for or against a class from blue to red;
both keep their order in grey and for any colour vision.
"""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

WEIGHT = "YlOrRd"
SIGNED = "RdBu_r"
COLOURS = 256
DPI = 110


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG of 256 colours of its own; the same figure gives the same bytes."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(path, format="PNG", optimize=True)
