"""Colours and type of the quality sheet.

The colours are those of Okabe and Ito, which people with any colour vision tell apart; a word always stands beside
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
STEPS = 8  # from an ink to its paper; more would come so close to white that white paper takes their tint
INKS = (
    *((ink, "white") for ink in (INK, QUIET, BARS, ENDS, GOOD, OUTLINE, *SEVERITY.values())),
    (OUTLINE, "black"),
)


def style() -> dict[Any, Any]:
    """Where the sheet differs from matplotlib's defaults.

    Nothing that comes from outside is read as mathematics: a `$` in a scan's name is a `$`.
    """
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
    """A picture of one pixel that holds 256 colours at most: greys, and each ink fading into its paper.

    The greys go in fours because Pillow looks colours up in boxes of four; finer ones would turn white into grey.

    Args:
        inks: pairs of an ink and its paper.
        steps: from an ink to its paper.
    """
    greys = [(level, level, level) for level in (*range(0, 252, 4), 255)]
    fading = [_mixed(ink, paper, step / steps) for ink, paper in inks for step in range(steps)]
    holder = Image.new("P", (1, 1))
    holder.putpalette([channel for colour in greys + fading for channel in colour])
    return holder


def _mixed(ink: str, paper: str, share: float) -> tuple[int, ...]:
    pairs = zip(ImageColor.getrgb(ink), ImageColor.getrgb(paper), strict=True)
    return tuple(round(a + (b - a) * share) for a, b in pairs)
