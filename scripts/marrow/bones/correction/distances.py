"""Distances of voxels to bones: exact within a reach, or coarse for a whole bone.

`nearest` and `depth` search only around the given voxels, nearest offsets first, so that no distance map of a whole
body is needed. `CoarseDistance` is a distance map on a subsampled grid, for distances where a few millimetres do not
matter.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.correction.balls import ball
from marrow.bones.correction.outcome import Labels, Mask, Spacing

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.intp]

# Approximate voxel size of the subsampled grid.
_COARSE_MM = 4.0


def nearest(labels: Labels | Mask, positions: Positions, reach_mm: float, spacing: Spacing) -> tuple[Floats, Labels]:
    """The distance in mm to the nearest labelled voxel, `(positions,)`, infinite beyond the reach, and its label or 0.

    Labels are `(z, y, x)`, with none beyond the array; positions `(positions, 3)`, and spacing (z, y, x) in mm.
    """
    steps = ball(reach_mm, spacing)
    margin = np.abs(steps).max(axis=0, initial=0)
    padded = np.pad(labels.view(np.uint8), [(int(most), int(most)) for most in margin])
    flat = padded.reshape(-1)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    index = (positions + margin) @ strides
    nearest_labels = flat[index]
    distance = np.where(nearest_labels > 0, 0, np.inf).astype(np.float32)
    remaining = np.flatnonzero(nearest_labels == 0)
    index = index[remaining]
    for move, mm in zip(steps @ strides, np.linalg.norm(steps * np.asarray(spacing), axis=1), strict=True):
        candidates = flat[index + move]
        is_found = candidates > 0
        nearest_labels[remaining[is_found]] = candidates[is_found]
        distance[remaining[is_found]] = mm
        remaining, index = remaining[~is_found], index[~is_found]
    return distance, nearest_labels


def depth(mask: Mask, positions: Positions, reach_mm: float, spacing: Spacing) -> Floats:
    """The depth of positions in a mask in mm: negative outside, limited to the reach, 0 on the border of voxels."""
    inside: Mask = mask[tuple(positions.T)]
    result = np.empty(len(positions), np.float32)
    result[inside] = nearest(~mask, positions[inside], reach_mm, spacing)[0]
    result[~inside] = -nearest(mask, positions[~inside], reach_mm, spacing)[0]
    half = np.float32(min(spacing) / 2)
    return np.clip(result - np.sign(result) * half, -reach_mm, reach_mm)


@dataclass(frozen=True)
class CoarseDistance:
    """The distance to a mask in its box, with an accuracy of about one coarse voxel.

    Attributes:
        distance: in mm, `(z, y, x)` on the coarse grid.
        stride: voxels per coarse voxel along each axis.
    """

    distance: Floats
    stride: tuple[int, int, int]

    @classmethod
    def to(cls, mask: Mask, spacing: Spacing) -> "CoarseDistance":
        """The distance to a mask `(z, y, x)` that is not empty; voxels of `spacing` (z, y, x) in mm."""
        z, y, x = (max(1, round(_COARSE_MM / step)) for step in spacing)
        padded = np.pad(mask, [(0, -count % step) for count, step in zip(mask.shape, (z, y, x), strict=True)])
        nz, ny, nx = padded.shape
        coarse = padded.reshape(nz // z, z, ny // y, y, nx // x, x).any(axis=(1, 3, 5))
        steps = [step * by for step, by in zip(spacing, (z, y, x), strict=True)]
        return cls(np.asarray(ndimage.distance_transform_edt(~coarse, steps), np.float32), (z, y, x))

    def at(self, positions: Positions) -> Floats:
        """The distance in mm at voxels (voxels, 3) of the box, z first."""
        z, y, x = (positions // self.stride).T
        return self.distance[z, y, x]
