"""Divides a class of another program that covers several of our bones.

Its height along the patient's long axis is divided by fixed shares of the bones from head to feet. That is an
approximation: it holds only if all of these bones are in view, and divides curved bones by a plane. If another map has
labels of these bones, each voxel gets the nearest of them instead.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.precomputed.mapping import Part
from marrow.imaging.grid import Grid

# Share of voxels that is ignored at either end, so that stray voxels do not extend the height.
TRIMMED = 0.001


def heights_of(mask: npt.NDArray[np.bool_], grid: Grid) -> npt.NDArray[np.float64]:
    """The heights in millimetres, growing to the head, of the voxels (z, y, x) in a mask, in the mask's order."""
    return grid.points(np.argwhere(mask)[:, ::-1])[:, 2]


def top_and_bottom(heights: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The upper and lower end of a class in millimetres, without stray voxels."""
    bottom, top = np.quantile(heights, [TRIMMED, 1 - TRIMMED])
    return float(top), float(bottom)


def by_height(heights: npt.NDArray[np.float64], parts: Sequence[Part]) -> npt.NDArray[np.uint8]:
    """The bone of each voxel (voxels,), by the shares of the class's height."""
    top, bottom = top_and_bottom(heights)
    borders = top - np.cumsum([part.share for part in parts])[:-1] * (top - bottom)
    bones = np.array([part.bone for part in parts], dtype=np.uint8)
    return bones[np.searchsorted(-borders, -heights, side="right")]


def by_nearest(
    mask: npt.NDArray[np.bool_], named: npt.NDArray[np.uint8], spacing: Sequence[float], parts: Sequence[Part]
) -> npt.NDArray[np.uint8]:
    """The bone of each voxel in a mask, in the mask's order: the nearest of these bones that is labelled already.

    Mask and ids are `(z, y, x)`; neither the mask nor these bones are empty. `spacing` is in mm along x, y and z.
    """
    candidates = np.isin(named, [part.bone for part in parts])
    (box,) = ndimage.find_objects(mask | candidates, max_label=1)
    nearest = np.asarray(
        ndimage.distance_transform_edt(
            ~candidates[box], sampling=spacing[::-1], return_distances=False, return_indices=True
        )
    )
    return named[box][tuple(nearest[:, mask[box]])]
