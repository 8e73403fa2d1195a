"""The figure of a map as a radiologist hangs it: scan, instance scores, one slice with both, share of each bone.

From front to back: of b900 the brightest voxel, dark on white as diffusion is read; of the map the highest value, with
grey outlines of the bones (as figure 4 of ATMIL). The slice is the one with most weight in it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.style import context

from marrow.drawing.bone_sheet.slices import box_around, hung, hung_voxels
from marrow.drawing.coronal import coronal_shadow
from marrow.drawing.ink import INK, QUIET, style
from marrow.drawing.maps.picture import WEIGHT, save_picture
from marrow.drawing.paper import Sheet, frame, name_sides
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.scan_map import ScanMap

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
class MapImages:
    """The images of a figure, on one grid: a standardised contrast and its name, the map, the bones, and the lesions.

    Where there are no instances the map is 0; where nobody marked lesions they are None.
    """

    background: sitk.Image
    background_name: str
    weights: sitk.Image
    bones: sitk.Image
    lesions: sitk.Image | None


def highest_of(quantity: str, weights: Picture) -> float:
    """The value that gets the darkest colour: 1 of a probability; else that of most voxels, and even at least."""
    if quantity.startswith("instance-probability"):
        return 1.0
    shown = weights[weights > 0]
    return max(LEAST_RANGE, float(np.percentile(shown, DARKEST))) if shown.size else LEAST_RANGE


def draw_scan_map(scan_map: ScanMap, images: MapImages, heading: str, path: Path) -> None:
    """Draw the figure of a scan's map."""
    quantity = scan_map.quantity
    background, weights, bones = (hung_voxels(image) for image in (images.background, images.weights, images.bones))
    lesions = np.zeros(bones.shape, np.bool_) if images.lesions is None else hung_voxels(images.lesions) > 0
    x_mm, _, z_mm = hung(images.weights).GetSpacing()
    aspect = z_mm / x_mm
    colours = Normalize(0, highest_of(quantity.name, weights))
    box = box_around((bones > 0) | lesions, margin=4)
    background, weights, bones, lesions = background[box], weights[box], bones[box], lesions[box]
    slice_ = int(weights.sum(axis=(0, 2)).argmax())
    rows, columns = background.shape[0] * aspect, background.shape[2]
    width = HEIGHT * columns / rows
    with context(["default", style()]):
        sheet = Sheet(2 * MARGIN + 3 * (width + GAP) + NAMES + BARS, TOP + HEIGHT + FOOT)
        sheet.text(MARGIN, MARGIN - 0.06, heading, fontsize=13, weight="bold", color=INK)
        told = f"{scan_map.caption} · {quantity.name} · {len(scan_map.corners)} patches"
        sheet.text(MARGIN, MARGIN + 0.2, told, fontsize=9, color=QUIET)
        places = [MARGIN + number * (width + GAP) for number in range(3)]
        scan, scores, both = (sheet.axes(left, TOP, width, HEIGHT) for left in places)
        _show_background(scan, background.max(axis=1), background, aspect)
        _outline(scan, coronal_shadow(lesions)[::-1], LESION, 0.9)
        _show_weights(scores, weights.max(axis=1), colours, aspect, 1.0)
        for bone in np.unique(bones[bones > 0]).tolist():
            _outline(scores, coronal_shadow(bones == bone)[::-1], OUTLINE, 0.6)
        _show_background(both, background[:, slice_], background, aspect)
        _show_weights(both, weights[:, slice_], colours, aspect, 0.6)
        _outline(both, lesions[:, slice_], LESION, 0.9)
        marked = "; blue: lesions as marked" if images.lesions is not None else ""
        name = quantity.name.replace("-", " ")
        captions = (f"{images.background_name}{marked}", f"{name}; grey: bones", "slice with most weight")
        for left, words in zip(places, captions, strict=True):
            sheet.text(left, TOP - 0.2, words, fontsize=8.5, color=INK)
        _colour_bar(sheet, colours, (places[1], TOP + HEIGHT + 0.12), width, quantity.scaling)
        _bars(sheet, scan_map.bone_weights(), places[2] + width + NAMES + 0.1)
        save_picture(sheet.figure, path)


def _show_background(axes: Axes, picture: Picture, volume: Picture, aspect: float) -> None:
    bright = volume[volume > 0]
    darkest = float(np.percentile(bright, DARKEST)) if bright.size else 1.0
    axes.imshow(picture[::-1], cmap="gray_r", vmin=0, vmax=darkest, aspect=aspect, interpolation="bilinear")
    frame(axes)
    name_sides(axes, "RL", INK)


def _show_weights(axes: Axes, picture: Picture, colours: Normalize, aspect: float, strength: float) -> None:
    shown = np.ma.masked_less_equal(picture[::-1], 0)
    axes.imshow(shown, cmap=WEIGHT, norm=colours, aspect=aspect, alpha=strength, interpolation="nearest")
    frame(axes)


def _outline(axes: Axes, mask: Mask, colour: str, line: float) -> None:
    if mask.any():
        rows, columns = (np.arange(-1, count + 1) for count in mask.shape)
        axes.contour(columns, rows, np.pad(mask[::-1], 1), levels=[0.5], colors=[colour], linewidths=line)
        axes.set(xlim=(-0.5, mask.shape[1] - 0.5), ylim=(mask.shape[0] - 0.5, -0.5))


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
