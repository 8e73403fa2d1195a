"""Colours and fonts of the quality sheet and the bone sheet.

The colours are those of Okabe and Ito, which can be told apart with any colour vision; there is always a word beside
them.
"""

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageColor

INK = "#1b1f24"
QUIET = "#5d6670"
FRAME = "#c3c9d0"
OUTLINE = "#e69f00"
BARS = "#8fa3b8"
ENDS = "#d55e00"
GOOD = "#00734f"
BAD = "#b84a00"
SEVERITY = {"stop": "#b3261e", "warn": "#b84a00", "note": "#0072b2"}
STEPS = 8  # from an ink to its paper; with more, the lightest would be so close to white that it would replace white
INKS = (
    *((ink, "white") for ink in (INK, QUIET, BARS, ENDS, GOOD, OUTLINE, *SEVERITY.values())),
    (OUTLINE, "black"),
)


def style() -> dict[Any, Any]:
    """The sheet's matplotlib settings. Texts are never parsed as mathematics: a scan's name may contain a `$`."""
    return {
        "font.family": "DejaVu Sans",
        "text.parse_math": False,
        "text.usetex": False,
        "axes.linewidth": 0.6,
        "figure.facecolor": "white",
        "image.origin": "upper",
        "path.simplify": False,
    }


def palette(inks: Sequence[tuple[str, str]] = INKS, steps: int = STEPS) -> Image.Image:
    """A palette of 256 colours at most, as a picture of one pixel: greys, and each ink blended with its paper.

    Greys have steps of four because Pillow looks colours up in boxes of four; finer ones would turn white into grey.
    `inks` are pairs of an ink and its paper, so many steps apart.
    """
    greys = [(level, level, level) for level in (*range(0, 252, 4), 255)]
    fading = [_blend(ink, paper, step / steps) for ink, paper in inks for step in range(steps)]
    holder = Image.new("P", (1, 1))
    holder.putpalette([channel for colour in greys + fading for channel in colour])
    return holder


def _blend(ink: str, paper: str, share: float) -> tuple[int, ...]:
    pairs = zip(ImageColor.getrgb(ink), ImageColor.getrgb(paper), strict=True)
    return tuple(round(a + (b - a) * share) for a, b in pairs)
