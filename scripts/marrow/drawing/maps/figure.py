"""The figure of a map: the scan, the instance scores, one slice with both, and the share of each bone.

From front to back: of b900 the brightest voxel, dark on white as diffusion is read; of the map the highest value, with
grey outlines of the bones (as figure 4 of ATMIL). The slice is the one with most weight in it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.style import context

from marrow.drawing.bone_sheet.slices import Labels, box_around
from marrow.drawing.ink import FRAME, INK, QUIET, style
from marrow.drawing.maps.picture import WEIGHT, save_picture
from marrow.drawing.paper import Sheet
from marrow.explanation.localisation.keys import Mask

Picture = npt.NDArray[np.float32]

MARGIN, GAP, TOP, FOOT = 0.3, 0.15, 0.95, 0.75  # inches
HEIGHT = 6.0
BARS = 3.6
NAMES = 1.45
OUTLINE = "#8a8f96"
LESION = "#0072b2"
DARKEST = 99.5  # percentile of the bright voxels that is black
LEAST_RANGE = 1.0  # of attention: even


@dataclass(frozen=True)
class MapContent:
    """What the figure shows.

    Attributes:
        heading, told: its title, and a line below it.
        background: volume (z, y, x) as it hangs, on the standard scale.
        background_name: of its contrast.
        weights: the map, (z, y, x), 0 where there is nothing.
        bones: label map, (z, y, x).
        lesions: mask, (z, y, x); None where nobody marked any.
        aspect: height over width of a voxel, seen from the front.
        quantity, scaling: what the map shows, in words.
        highest: the value with the darkest colour.
        table: the weight of each bone.
    """

    heading: str
    told: str
    background: Picture
    background_name: str
    weights: Picture
    bones: Labels
    lesions: Mask | None
    aspect: float
    quantity: str
    scaling: str
    highest: float
    table: pd.DataFrame


def highest_of(quantity: str, weights: Picture) -> float:
    """The value that gets the darkest colour: 1 of a probability; else that of most voxels, and even at least."""
    if quantity.startswith("instance-probability"):
        return 1.0
    shown = weights[weights > 0]
    return max(LEAST_RANGE, float(np.percentile(shown, DARKEST))) if shown.size else LEAST_RANGE


def draw_map_figure(content: MapContent, path: Path) -> None:
    """Draw the figure."""
    lesions = content.lesions if content.lesions is not None else np.zeros(content.bones.shape, np.bool_)
    box = box_around((content.bones > 0) | lesions, margin=4)
    background, weights = content.background[box], content.weights[box]
    bones, lesions = content.bones[box], lesions[box]
    slice_ = int(weights.sum(axis=(0, 2)).argmax())
    rows, columns = background.shape[0] * content.aspect, background.shape[2]
    width = HEIGHT * columns / rows
    with context(["default", style()]):
        sheet = Sheet(2 * MARGIN + 3 * (width + GAP) + NAMES + BARS, TOP + HEIGHT + FOOT)
        sheet.text(MARGIN, MARGIN - 0.06, content.heading, fontsize=13, weight="bold", color=INK)
        sheet.text(MARGIN, MARGIN + 0.2, content.told, fontsize=9, color=QUIET)
        places = [MARGIN + number * (width + GAP) for number in range(3)]
        colours = Normalize(0, content.highest)
        seen, found, both = (sheet.axes(left, TOP, width, HEIGHT) for left in places)
        _show_background(seen, background.max(axis=1), background, content)
        _outline(seen, _shadow(lesions), LESION, 0.9)
        _show_weights(found, weights.max(axis=1), colours, content, 1.0)
        for bone in np.unique(bones[bones > 0]).tolist():
            _outline(found, _shadow(bones == bone), OUTLINE, 0.6)
        _show_background(both, background[:, slice_], background, content)
        _show_weights(both, weights[:, slice_], colours, content, 0.6)
        _outline(both, lesions[:, slice_], LESION, 0.9)
        marked = "; blue: lesions as marked" if content.lesions is not None else ""
        captions = (f"{content.background_name}{marked}", f"{content.quantity}; grey: bones", "slice with most weight")
        for left, words in zip(places, captions, strict=True):
            sheet.text(left, TOP - 0.2, words, fontsize=8.5, color=INK)
        _colour_bar(sheet, colours, (places[1], TOP + HEIGHT + 0.12), width, content.scaling)
        _bars(sheet, content.table, places[2] + width + NAMES + 0.1)
        save_picture(sheet.figure, path)


def _show_background(axes: Axes, picture: Picture, volume: Picture, content: MapContent) -> None:
    bright = volume[volume > 0]
    darkest = float(np.percentile(bright, DARKEST)) if bright.size else 1.0
    axes.imshow(picture[::-1], cmap="gray_r", vmin=0, vmax=darkest, aspect=content.aspect, interpolation="bilinear")
    _frame(axes)
    for place, letter, side in ((0.03, "R", "left"), (0.97, "L", "right")):
        axes.text(place, 0.01, letter, transform=axes.transAxes, fontsize=8, color=INK, va="bottom", ha=side)


def _show_weights(axes: Axes, picture: Picture, colours: Normalize, content: MapContent, strength: float) -> None:
    shown = np.ma.masked_less_equal(picture[::-1], 0)
    axes.imshow(shown, cmap=WEIGHT, norm=colours, aspect=content.aspect, alpha=strength, interpolation="nearest")
    _frame(axes)


def _outline(axes: Axes, mask: Mask, colour: str, line: float) -> None:
    if mask.any():
        rows, columns = (np.arange(-1, count + 1) for count in mask.shape)
        axes.contour(columns, rows, np.pad(mask[::-1], 1), levels=[0.5], colors=[colour], linewidths=line)
        axes.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5))


def _shadow(mask: Mask) -> Mask:
    """Where a ray from front to back meets a mask."""
    shadow: Mask = np.any(mask, axis=1)
    return shadow


def _frame(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=FRAME, linewidth=0.6)


def _colour_bar(sheet: Sheet, colours: Normalize, place: tuple[float, float], width: float, scaling: str) -> None:
    left, top = place
    axes = sheet.axes(left, top, width, 0.12)
    sheet.figure.colorbar(ScalarMappable(colours, WEIGHT), cax=axes, orientation="horizontal")
    axes.tick_params(labelsize=7.5, colors=INK, length=2)
    sheet.text(left, top + 0.34, scaling, fontsize=8, color=QUIET)


def _bars(sheet: Sheet, table: pd.DataFrame, left: float) -> None:
    """A bar for each bone: its share of the weight; a tick where it would be if all patches weighed the same."""
    axes = sheet.axes(left, TOP, BARS - 0.1, HEIGHT)
    rows = np.arange(len(table))
    axes.barh(rows, 100 * table["share"], color="#e6550d", height=0.62)
    axes.vlines(100 * table["even"], rows - 0.42, rows + 0.42, color=INK, linewidth=1.4)
    axes.set_yticks(rows, table["bone"].str.replace("_", " ").tolist(), fontsize=8.5)
    axes.set(ylim=(len(table) - 0.4, -0.6), xlim=(0, None))
    for row in rows[table["instances"] == 0].tolist():
        axes.text(0, row, " no patch", fontsize=8, color=QUIET, va="center")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("% of the weight of all patches; ticks: % of all patches", fontsize=8.5, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
