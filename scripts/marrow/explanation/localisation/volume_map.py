"""Scores of patches back on the voxels they were cut from: the mean over the patches that cover a voxel.

Voxels outside of bone are empty, which is 0, and so are those of bone that no patch covers.
"""

import numpy as np
import numpy.typing as npt

from marrow.bags.patches.choice import Corners
from marrow.explanation.localisation.keys import Mask
from marrow.explanation.localisation.quantities import Scores

COMBINED = "mean over the patches that cover a voxel"
EMPTY = "0 outside of bone, and where no patch covers bone"


def mean_of_patches(values: Scores, corners: Corners, edge: int, bone: Mask) -> npt.NDArray[np.float32]:
    """Scores on the grid of a scan, (z, y, x).

    Args:
        values: (patches,).
        corners: (patches, 3), first voxels of the patches, x first.
        edge: voxels of a patch along each axis.
        bone: (z, y, x), where there may be something.
    """
    total = np.zeros(bone.shape, np.float64)
    count = np.zeros(bone.shape, np.int32)
    for value, (x, y, z) in zip(values.tolist(), corners.tolist(), strict=True):
        box = slice(z, z + edge), slice(y, y + edge), slice(x, x + edge)
        total[box] += value
        count[box] += 1
    return np.where(bone & (count > 0), total / np.maximum(count, 1), 0).astype(np.float32)
