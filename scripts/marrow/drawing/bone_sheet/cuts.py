"""Selects slices of the water image, and draws them with the outlines of the bones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from marrow.drawing.bone_sheet.slices import AXES, Labels, Mask, box_around, even_slices, informative_slices
from marrow.drawing.paper import Sheet, frame, name_sides

Picture = npt.NDArray[np.float32]
Window = tuple[float, float]

SLICES = 3  # of each view
GAP = 0.08  # inches
CAPTION = 0.22
ENDS = {"coronal": ("R", "L"), "sagittal": ("A", "P")}
LINE = 1.1
TICK = 0.012  # of a picture's height


@dataclass(frozen=True)
class Cut:
    """One slice.

    Attributes:
        view: `coronal` or `sagittal`.
        water: `(z, x)` or `(z, y)`, head first.
        labels: the bones on it, of the same shape.
        crossings: the columns at which the slices of the other view intersect it.
        aspect: height over width of a pixel.
    """

    view: str
    water: Picture
    labels: Labels
    crossings: tuple[float, ...]
    aspect: float

    @property
    def shape(self) -> float:
        """Width over height."""
        rows, columns = self.water.shape
        return columns / (rows * self.aspect)


def cuts_of(water: Picture, body: Mask, labels: Labels, spacing_mm: Sequence[float]) -> tuple[Cut, ...]:
    """Coronal slices, then sagittal ones, from front to back and from right to left, cropped to the body.

    Volumes are `(z, y, x)` in LPS orientation, spacings `(x, y, z)`. Without bones the slices divide the body evenly.
    """
    box = box_around(body | (labels > 0), margin=2)
    water, body, labels = water[box], body[box], labels[box]
    slice_indices = {
        view: informative_slices(labels, axis, SLICES) or even_slices(body, axis, SLICES) for view, axis in AXES.items()
    }
    in_plane_mm = {"coronal": spacing_mm[0], "sagittal": spacing_mm[1]}
    other = {"coronal": "sagittal", "sagittal": "coronal"}
    return tuple(
        Cut(
            view=view,
            water=np.take(water, [index], axis=axis).squeeze(axis)[::-1],
            labels=np.take(labels, [index], axis=axis).squeeze(axis)[::-1],
            crossings=tuple(slice_indices[other[view]]),
            aspect=spacing_mm[2] / in_plane_mm[view],
        )
        for view, axis in AXES.items()
        for index in slice_indices[view]
    )


def window_of(water: Picture, body: Mask, percentiles: Sequence[float]) -> Window:
    """The intensities at two percentiles of the body, or of the whole volume if there is no body."""
    values = water[body] if body.any() else water.ravel()
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, percentiles) if values.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


def height_for(cuts: Sequence[Cut], width: float) -> float:
    """The height of the cuts, in inches, if they fill `width` side by side."""
    return (width - GAP * (len(cuts) - 1)) / sum(cut.shape for cut in cuts)


def draw_cuts(
    sheet: Sheet,
    cuts: Sequence[Cut],
    place: tuple[float, float],
    height: float,
    window: Window,
    colours: Mapping[int, str],
) -> None:
    """Draw slices side by side, all of one height in inches; `place` is their upper left corner."""
    left, top = place
    for cut in cuts:
        width = height * cut.shape
        _draw(sheet.axes(left, top, width, height), cut, window, colours)
        left += width + GAP


def _draw(axes: Axes, cut: Cut, window: Window, colours: Mapping[int, str]) -> None:
    low, high = window
    axes.set_facecolor("black")
    axes.imshow(cut.water, cmap="gray", vmin=low, vmax=high, aspect=cut.aspect, interpolation="bilinear")
    for bone in np.unique(cut.labels[cut.labels > 0]).tolist():
        # The border of background closes the outline of bones at the picture's edge.
        mask = np.pad(cut.labels == bone, 1)
        columns, rows = (np.arange(-1, count + 1) for count in cut.labels.shape[::-1])
        axes.contour(columns, rows, mask, levels=[0.5], colors=[colours.get(bone, "white")], linewidths=LINE)
    count = cut.labels.shape
    axes.set(xlim=(-0.5, count[1] - 0.5), ylim=(count[0] - 0.5, -0.5))
    for column in cut.crossings:
        for start, end in ((0, TICK), (1 - TICK, 1)):
            axes.axvline(column, start, end, color="white", linewidth=0.8)
    frame(axes)
    name_sides(axes, ENDS[cut.view])
