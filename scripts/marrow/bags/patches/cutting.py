"""Cuts all patches of a scan out of a volume at once, and says what they contain: the main bone, the share of a mask.

A margin may extend beyond the volume; there the volume's border voxels are repeated. Beside the body that is air, as
with zeros. Below the knees, where the field of view ends inside the body, it continues the tissue, so that rotating the
patch does not bring an edge into it that is not in the patient.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from marrow.bags.patches.choice import Corners

Scalar = TypeVar("Scalar", bound=np.generic)
Labels = npt.NDArray[np.uint8]


def cut(volume: npt.NDArray[Scalar], corners: Corners, edge: int, margin: int = 0) -> npt.NDArray[Scalar]:
    """Cut cubes out of a volume (z, y, x): (patches, z, y, x), margins included.

    `corners` (patches, 3), x first, and `edge` are without the margin, which is added on each side.
    """
    steps = np.arange(-margin, edge + margin)
    x, y, z = (
        (first[:, None] + steps).clip(0, count - 1) for first, count in zip(corners.T, volume.shape[::-1], strict=True)
    )
    return volume[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]


def main_bones(patches: Labels, bones: int) -> Labels:
    """The bone with most voxels in each patch, (patches,); the lowest id if several have equally many.

    Patches (patches, z, y, x) hold ids from 1 to `bones`, 0 in the background, and some bone each.
    """
    bins = bones + 1
    own_bins = np.arange(0, len(patches) * bins, bins).reshape(-1, 1, 1, 1)
    counts = np.bincount((patches + own_bins).ravel(), minlength=len(patches) * bins).reshape(-1, bins)
    return (counts[:, 1:].argmax(axis=1) + 1).astype(np.uint8)


def shares(patches: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The share of each patch (patches, z, y, x) that is true: (patches,)."""
    return patches.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)
