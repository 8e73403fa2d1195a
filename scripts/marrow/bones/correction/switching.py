"""Which part of a bone's label belongs to its mirror image, given how far each voxel is on its own side."""

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.boxes import components
from marrow.bones.correction.outcome import Mask


def misplaced(
    mask: Mask, own_side_mm: npt.NDArray[np.floating], tolerance_mm: float, mostly: float
) -> tuple[Mask, int]:
    """The voxels of a bone that belong to its mirror image, and of how many components they are.

    A component of which at least a share `mostly` is on the wrong side belongs there as a whole; of any other one the
    voxels on the wrong side do. Voxels within the tolerance do not vote.

    Args:
        mask: one bone's label in a box, `(z, y, x)`.
        own_side_mm: how far each of its voxels, in the order of `np.argwhere(mask)`, is on its own side; negative on
            the other, (voxels,).
        tolerance_mm: a voxel is on a side from this distance on.
        mostly: share of the voxels that are on a side.
    """
    places = np.argwhere(mask)
    numbers, count = components(mask)
    component = numbers[tuple(places.T)]
    wrong, right = own_side_mm < -tolerance_mm, own_side_mm > tolerance_mm
    votes = [np.bincount(component, weights=side, minlength=count + 1) for side in (wrong, right)]
    whole: npt.NDArray[np.bool_] = votes[0] >= mostly * (votes[0] + votes[1])
    whole &= votes[0] > 0
    changes = whole[component] | wrong
    result = np.zeros_like(mask)
    result[tuple(places[changes].T)] = True
    return result, len(np.unique(component[changes]))
