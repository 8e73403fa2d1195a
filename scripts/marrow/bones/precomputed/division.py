"""Where one class of another program covers several of our bones, who gets which voxel.

Its height, along the patient's long axis and not that of the array, is divided by the bones' shares from head to feet.
That is an approximation: it holds only where all of these bones are in view, and cuts straight through where they are
curved. Where another map tells these bones apart, its nearest one decides instead, and that is as good as this map is.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.precomputed.mapping import Part
from marrow.imaging.grid import Grid

# Stray voxels far from the bones would stretch the height; this share is left out of it at either end.
TRIMMED = 0.001


def heights_of(mask: npt.NDArray[np.bool_], grid: Grid) -> npt.NDArray[np.float64]:
    """The heights in millimetres, growing to the head, of the voxels (z, y, x) in a mask, in the mask's order."""
    return grid.points(np.argwhere(mask)[:, ::-1])[:, 2]


def top_and_bottom(heights: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Between which heights, in millimetres, a class lies, but for stray voxels."""
    bottom, top = np.quantile(heights, [TRIMMED, 1 - TRIMMED])
    return float(top), float(bottom)


def by_height(heights: npt.NDArray[np.float64], parts: Sequence[Part]) -> npt.NDArray[np.uint8]:
    """The bone of each voxel (voxels,) from its height: that in whose share of the class's height it lies."""
    top, bottom = top_and_bottom(heights)
    borders = top - np.cumsum([part.share for part in parts])[:-1] * (top - bottom)
    bones = np.array([part.bone for part in parts], dtype=np.uint8)
    return bones[np.searchsorted(-borders, -heights, side="right")]


def by_nearest(
    mask: npt.NDArray[np.bool_], named: npt.NDArray[np.uint8], spacing: Sequence[float], parts: Sequence[Part]
) -> npt.NDArray[np.uint8]:
    """The bone of each voxel in a mask, in the mask's order: the nearest of these bones that is named already.

    Args:
        mask: (z, y, x), not empty.
        named: ids (z, y, x), in which one voxel at least has one of the bones.
        spacing: millimetres between voxels along x, y and z.
        parts: the bones.
    """
    candidates = np.isin(named, [part.bone for part in parts])
    (box,) = ndimage.find_objects(mask | candidates, max_label=1)
    nearest = np.asarray(
        ndimage.distance_transform_edt(
            ~candidates[box], sampling=spacing[::-1], return_distances=False, return_indices=True
        )
    )
    return named[box][tuple(nearest[:, mask[box]])]
