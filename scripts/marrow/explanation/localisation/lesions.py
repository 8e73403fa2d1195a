"""Lesions of a scan: connected parts of its mask on the grid of its patches, voxels that touch at a corner included.

A patch points at a lesion if it holds half of it at least, or if the lesion fills the share of the patch that makes a
patch key.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bags.patches.choice import Corners
from marrow.bags.patches.cutting import cut
from marrow.explanation.localisation.keys import Mask

HALF = 0.5
_TOUCHING = np.ones((3, 3, 3), np.bool_)


def lesions_of(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """A mask (z, y, x) with its lesions numbered from 1, and how many there are."""
    labels = np.empty(mask.shape, np.int32)
    count = int(ndimage.label(mask, _TOUCHING, output=labels))  # pyright: ignore[reportArgumentType]
    return labels, count


def pointed_at(mask: Mask, corners: Corners, edge: int, least_lesion: float) -> Mask:
    """Which lesions each patch points at: (patches, lesions).

    Args:
        mask: (z, y, x).
        corners: (patches, 3), first voxels of the patches, x first.
        edge: voxels of a patch along each axis.
        least_lesion: share of a patch that makes it key.
    """
    labels, count = lesions_of(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    pointed = np.zeros((len(corners), count), np.bool_)
    for number, patch in enumerate(cut(labels, corners, edge)):
        held = np.bincount(patch.ravel(), minlength=count + 1)[1:]
        pointed[number] = (held > 0) & ((held >= HALF * sizes) | (held >= least_lesion * edge**3))
    return pointed
