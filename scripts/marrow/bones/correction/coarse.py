"""Distances to a bone where a few millimetres do not matter, on a thinned grid: a fraction of the time and memory."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.correction.outcome import Mask, Spacing

# Voxels are thinned to about this size.
_WORKING_MM = 4.0


@dataclass(frozen=True)
class CoarseDistance:
    """The distance to a mask in its box, exact to about a thinned voxel.

    Attributes:
        distance: millimetres, `(z, y, x)` of the thinned box.
        stride: voxels per thinned voxel along each axis.
    """

    distance: npt.NDArray[np.float32]
    stride: tuple[int, int, int]

    @classmethod
    def to(cls, mask: Mask, spacing: Spacing) -> "CoarseDistance":
        """The distance to a mask `(z, y, x)` that is not empty; voxels of `spacing` (z, y, x) in mm."""
        z, y, x = (max(1, round(_WORKING_MM / step)) for step in spacing)
        padded = np.pad(mask, [(0, -count % step) for count, step in zip(mask.shape, (z, y, x), strict=True)])
        nz, ny, nx = padded.shape
        thinned = padded.reshape(nz // z, z, ny // y, y, nx // x, x).any(axis=(1, 3, 5))
        steps = [step * by for step, by in zip(spacing, (z, y, x), strict=True)]
        return cls(np.asarray(ndimage.distance_transform_edt(~thinned, steps), np.float32), (z, y, x))

    def at(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Millimetres at voxels (voxels, 3) of the box, z first."""
        z, y, x = (places // self.stride).T
        return self.distance[z, y, x]
