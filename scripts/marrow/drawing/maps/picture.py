"""Pictures of maps: how they are saved, and their colours.

Weight goes from white over orange to dark red on white paper, and what speaks for or against a class from blue to red;
both keep their order in grey and for any colour vision.
"""

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from marrow.drawing.paper import drawn

WEIGHT = "YlOrRd"
SIGNED = "RdBu_r"
DPI = 110
COLOURS = 192  # of a picture's own, beside the greys
NEAR_GREY = 12  # such a colour beside white would tint the paper


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG of 256 colours: greys, which scans are made of, and those that it has most of.

    The same figure gives the same bytes.
    """
    figure.set_dpi(DPI)
    picture = drawn(figure)
    chosen = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).getpalette() or []
    own = [colour for colour in zip(*[iter(chosen)] * 3, strict=True) if max(colour) - min(colour) > NEAR_GREY]
    greys = [(level, level, level) for level in (*range(0, 252, 4), 255)]
    colours = Image.new("P", (1, 1))
    colours.putpalette([channel for colour in [*greys, *own] for channel in colour])
    picture.quantize(palette=colours, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)
