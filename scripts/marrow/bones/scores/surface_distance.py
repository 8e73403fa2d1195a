"""The 95th percentile of the distances between two surfaces, in millimetres.

A mask's surface is its voxels with a face neighbour outside of it; what lies beyond the grid is outside. Each surface
voxel of one mask has a distance to the nearest surface voxel of the other, centre to centre. With d(A, B) the
distances of A's surface voxels to B's surface,

    hd95 = max( percentile_95 d(A, B), percentile_95 d(B, A) )

the larger of two directed percentiles, as in MONAI's `compute_hausdorff_distance` (and in DeepMind's
`surface-distance`, which also weighs each voxel by the area of its piece of surface). MedPy's `hd95` is another number:
one percentile of both directions pooled, in which the larger surface outvotes the smaller.

Nearest voxels come from a k-d tree over the surfaces, whose size follows the bone and not the box it lies in: ribs fill
a hundredth of theirs, and a distance transform would work through all of it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]

PERCENTILE = 95


def surface(mask: Mask) -> Mask:
    """The voxels of a mask `(z, y, x)` that have a face neighbour outside of it."""
    return mask & np.logical_not(binary_erosion(mask))


def hd95(predicted: Mask, true: Mask, spacing_mm: Sequence[float]) -> float | None:
    """The 95th percentile surface distance of two masks `(z, y, x)`, with voxels of `spacing_mm` along these axes.

    None where either is empty: it is infinite.
    """
    one, other = (np.argwhere(surface(mask)) * np.asarray(spacing_mm, dtype=np.float64) for mask in (predicted, true))
    if not (len(one) and len(other)):
        return None
    return max(_directed(one, other), _directed(other, one))


def _directed(points: Points, others: Points) -> float:
    """The percentile of the distances from `points` `(n, 3)` to the nearest of `others` `(m, 3)`."""
    # Splits at the middle of a cell: those at the median of a regular lattice make a far slower tree.
    distances, _ = KDTree(others, balanced_tree=False, compact_nodes=False).query(points)
    return float(np.percentile(distances, PERCENTILE))
