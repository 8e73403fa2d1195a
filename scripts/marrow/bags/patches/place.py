"""The position of patches: from voxels to millimetres in NIfTI's world (RAS), and their height in the skeleton."""

import numpy as np
import numpy.typing as npt

from marrow.bags.bag import Affine, Bag, Layout
from marrow.bags.patches.choice import Corners, Mask
from marrow.errors import MarrowError
from marrow.imaging.grid import Grid

_UP = 2


def affine_of(grid: Grid) -> Affine:
    """The affine of a grid in the type of `Bag.affine`."""
    return tuple(map(tuple, grid.affine.tolist()))


def centres_mm(bag: Bag, layout: Layout) -> npt.NDArray[np.float64]:
    """The centre of each instance in NIfTI's world (RAS), in millimetres: (instances, 3).

    Raises:
        MarrowError: the bag was not cut from a scan.
    """
    if bag.affine is None or bag.corners is None:
        raise MarrowError(f"bag {bag.bag}: its instances have no place; only bags that were cut from scans do")
    edge = np.subtract(layout.shape[:0:-1], 2 * layout.margin)
    affine = np.asarray(bag.affine)
    return (bag.corners + (edge - 1) / 2) @ affine[:3, :3].T + affine[:3, 3]


def heights(corners: Corners, edge: int, bone: Mask, affine: Affine) -> npt.NDArray[np.float32]:
    """The heights of patches' centres in the skeleton, (patches,), for any orientation of the grid.

    The lowest voxel of `bone` (z, y, x), which has some, is at 0 and the highest at 1; `corners` are x first.
    """
    up = np.array(affine[_UP][:3])
    skeleton = np.argwhere(bone)[:, ::-1] @ up
    low, high = float(skeleton.min()), float(skeleton.max())
    height = ((corners + (edge - 1) / 2) @ up - low) / ((high - low) or 1.0)
    return height.clip(0, 1).astype(np.float32)
