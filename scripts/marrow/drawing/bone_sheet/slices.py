"""Selects slices that show the bones; orientation and bounding boxes of the pictures, in radiological orientation.

Volumes are arrays `(z, y, x)` in LPS orientation, as in `marrow.drawing.coronal`: x grows to the patient's left, y to
the back, z to the head. A picture has the head in its first row; a coronal one the patient's right, a sagittal one the
front in its first column.
"""

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy.ndimage import find_objects

from marrow.imaging.volume import intensities

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

AXES = {"coronal": 1, "sagittal": 2}  # view -> the axis that its slices are cut across


def hung(image: sitk.Image) -> sitk.Image:
    """An image with its axes permuted and flipped to the closest orientation to LPS."""
    return sitk.DICOMOrient(image, "LPS")


def hung_voxels(image: sitk.Image) -> npt.NDArray[np.float32]:
    """The voxels of an image as it hangs, `(z, y, x)`."""
    return intensities(hung(image))


def informative_slices(labels: Labels, axis: int, count: int) -> list[int]:
    """`count` slices that together show as much of every bone as possible, in order.

    The value of a slice for a bone is the bone's area in it, as a share of its largest area in any slice. Slices are
    selected greedily to maximise the sum over bones of the best value among the selected slices. This is at most 37%
    below the optimum (Nemhauser, Wolsey and Fisher 1978).

    Returns:
        Indices of slices; fewer than `count` if no further slice adds to the sum, none without bones.
    """
    slices = range(labels.shape[axis])
    areas = np.array([np.bincount(labels.take(i, axis=axis).ravel(), minlength=256)[1:] for i in slices])
    areas = areas[:, areas.any(axis=0)]
    shares = areas / areas.max(axis=0) if areas.size else areas
    best_shares = np.zeros(shares.shape[1])
    chosen: list[int] = []
    for _ in range(count):
        gains = np.maximum(shares, best_shares).sum(axis=1) - best_shares.sum()
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        chosen.append(best)
        best_shares = np.maximum(best_shares, shares[best])
    return sorted(chosen)


def even_slices(body: Mask, axis: int, count: int) -> list[int]:
    """Slices that divide the body's voxels into equal shares, or the grid if there is no body."""
    others = tuple(other for other in range(3) if other != axis)
    cumulative = np.cumsum(np.count_nonzero(body, axis=others)) if body.any() else np.arange(1, body.shape[axis] + 1)
    shares = np.arange(1, count + 1) / (count + 1)
    return np.unique(np.searchsorted(cumulative, shares * cumulative[-1])).tolist()


def box_around(mask: Mask, margin: int) -> tuple[slice, ...]:
    """The bounding box of a mask of any dimension with a margin in voxels; the whole array if the mask is empty."""
    if not mask.any():
        return tuple(slice(0, count) for count in mask.shape)
    (box,) = find_objects(mask.astype(np.uint8))
    return tuple(slice(max(part.start - margin, 0), part.stop + margin) for part in box)
