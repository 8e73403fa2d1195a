"""The instances with the highest scores, one by one; below them, if wanted, what in each speaks for the class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.style import context

from marrow.drawing.ink import INK, QUIET, style
from marrow.drawing.maps.picture import SIGNED, save_picture
from marrow.drawing.paper import Sheet, frame

Picture = npt.NDArray[np.float32]

EDGE, GAP, MARGIN, TOP, LINES = 1.35, 0.12, 0.3, 0.85, 0.52  # inches
ACROSS = 8
STRONGEST = 99.5  # percentile of the saliency that has the full colour


@dataclass(frozen=True)
class TopInstance:
    """An instance: the lines above it, its picture (rows, columns), and a signed saliency of the same shape, if any."""

    lines: Sequence[str]
    picture: Picture
    saliency: Picture | None = None


def draw_top(
    heading: str, told: str, instances: Sequence[TopInstance], window: tuple[float, float], path: Path
) -> None:
    """Draw one instance or more in rows, the first at the upper left; `window` has the values of white and black."""
    across = min(ACROSS, len(instances))
    rows = -(-len(instances) // across)
    has_saliency = instances[0].saliency is not None
    height = LINES + EDGE + (EDGE + 0.05 if has_saliency else 0) + GAP
    width = max(2 * MARGIN + across * EDGE + (across - 1) * GAP, 9.0)
    strongest = _strongest(instances)
    with context(["default", style()]):
        sheet = Sheet(width, TOP + rows * height + MARGIN)
        sheet.text(MARGIN, MARGIN - 0.06, heading, fontsize=12, weight="bold", color=INK)
        sheet.text(MARGIN, MARGIN + 0.18, told, fontsize=8.5, color=QUIET, linespacing=1.35)
        for number, instance in enumerate(instances):
            left = MARGIN + (number % across) * (EDGE + GAP)
            top = TOP + (number // across) * height
            sheet.text(left, top, "\n".join(instance.lines), fontsize=8, color=INK, linespacing=1.3)
            axes = sheet.axes(left, top + LINES, EDGE, EDGE)
            axes.imshow(instance.picture, cmap="gray_r", vmin=window[0], vmax=window[1], interpolation="nearest")
            frame(axes)
            if instance.saliency is not None:
                axes = sheet.axes(left, top + LINES + EDGE + 0.05, EDGE, EDGE)
                axes.imshow(instance.saliency, cmap=SIGNED, vmin=-strongest, vmax=strongest, interpolation="nearest")
                frame(axes)
        save_picture(sheet.figure, path)


def _strongest(instances: Sequence[TopInstance]) -> float:
    values = [np.abs(instance.saliency).ravel() for instance in instances if instance.saliency is not None]
    return float(np.percentile(np.concatenate(values), STRONGEST)) or 1.0 if values else 1.0
