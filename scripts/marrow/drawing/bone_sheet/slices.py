"""Which slices show the bones, and how they hang: as a radiologist hangs them.

Volumes are arrays `(z, y, x)` in LPS orientation, as in `marrow.drawing.coronal`: x grows to the patient's left, y to
the back, z to the head. A picture has the head in its first row; a coronal one the patient's right, a sagittal one the
front in its first column.
"""

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

AXES = {"coronal": 1, "sagittal": 2}  # view -> the axis that its slices are cut across


def hung(image: sitk.Image) -> sitk.Image:
    """An image with its axes turned and exchanged so that they run along L, P and S, as nearly as they can."""
    return sitk.DICOMOrient(image, "LPS")


def telling_slices(labels: Labels, axis: int, count: int) -> list[int]:
    """The slices that together show as much of every bone as `count` slices can, in order.

    A slice shows of a bone its area there as a share of the bone's largest area. Slices are taken greedily, each the
    one that adds most to the sum, over the bones, of the best share shown so far: the usual way for such a sum, and at
    most 37% below the best choice (Nemhauser, Wolsey and Fisher 1978).

    Returns:
        Fewer than `count` where no further slice would add anything; none where there is no bone.
    """
    slices = range(labels.shape[axis])
    areas = np.array([np.bincount(labels.take(i, axis=axis).ravel(), minlength=256)[1:] for i in slices])
    areas = areas[:, areas.any(axis=0)]
    shares = areas / areas.max(axis=0) if areas.size else areas
    shown = np.zeros(shares.shape[1])
    chosen: list[int] = []
    for _ in range(count):
        gains = np.maximum(shares, shown).sum(axis=1) - shown.sum()
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        chosen.append(best)
        shown = np.maximum(shown, shares[best])
    return sorted(chosen)


def even_slices(body: Mask, axis: int, count: int) -> list[int]:
    """Slices at even shares of the body's voxels; of the grid where there is no body."""
    others = tuple(other for other in range(3) if other != axis)
    heap = np.cumsum(np.count_nonzero(body, axis=others)) if body.any() else np.arange(1, body.shape[axis] + 1)
    shares = np.arange(1, count + 1) / (count + 1)
    return np.unique(np.searchsorted(heap, shares * heap[-1])).tolist()


def box_around(mask: Mask, margin: int) -> tuple[slice, ...]:
    """The smallest box around a mask of any dimension, and `margin` voxels more; all where the mask is empty."""
    if not mask.any():
        return tuple(slice(0, count) for count in mask.shape)
    box: list[slice] = []
    for axis in range(mask.ndim):
        places = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(max(int(places[0]) - margin, 0), int(places[-1]) + 1 + margin))
    return tuple(box)
