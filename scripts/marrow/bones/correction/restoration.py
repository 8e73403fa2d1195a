"""Finds bone that the atlas has and the prediction lacks: a missing bone, and parts lost to a lesion.

If the atlas is registered with an offset, its bone and the predicted one differ by two shells: prediction outside the
atlas on one side, and atlas without prediction on the other. Both have the same thickness, and a lesion only adds to
the second. The thickness of the first therefore gives the least thickness of unlabelled atlas bone that counts as a
loss and not as a shell. If the atlas fits exactly, every loss is restored; with an offset of 5 mm only larger ones; and
with an offset above `poorest_fit_mm` none.
"""

from typing import Any

import numpy as np
from scipy import ndimage

from marrow.bones.correction.balls import closed, dilated, eroded, opened
from marrow.bones.correction.boxes import TOUCHING, components
from marrow.bones.correction.outcome import Mask, Spacing

# The share of the predicted bone that may be farther outside the atlas's bone than the offset.
_ASTRAY = 0.02


def is_missing(predicted: Mask, atlas_bone: Mask, least_share: float) -> bool:
    """Whether a bone has less than a share of its volume in the atlas."""
    return bool(np.count_nonzero(predicted) < least_share * np.count_nonzero(atlas_bone))


def offset_mm(predicted: Mask, atlas_bone: Mask, largest_mm: float, spacing: Spacing) -> float | None:
    """By how much predicted bone extends outside the atlas's bone, in whole voxels; None above `largest_mm`."""
    allowed = _ASTRAY * np.count_nonzero(predicted)
    step = max(spacing)
    for voxels in range(int(largest_mm / step) + 1):
        if np.count_nonzero(predicted & ~dilated(atlas_bone, voxels * step, spacing)) <= allowed:
            return voxels * step
    return None


def lost_parts(
    predicted: Mask, atlas_bone: Mask, free: Mask, sure: Mask, spacing: Spacing, settings: dict[str, Any]
) -> Mask | None:
    """The parts of a bone, `(z, y, x)`, that the atlas has, the prediction lacks, and a lesion may explain.

    `free` voxels are in the body and have no label; `sure` are those where enough of the registered maps agree. None if
    the atlas does not fit the prediction. `settings` has `poorest_fit_mm` and `dent_mm`.
    """
    offset = offset_mm(predicted, atlas_bone, float(settings["poorest_fit_mm"]), spacing)
    if offset is None:
        return None
    unlabelled = atlas_bone & free
    if not offset:
        return _touching(unlabelled, predicted, sure)
    radius = max(offset / 2, max(spacing))
    lumps = _touching(opened(unlabelled, radius, spacing), predicted, sure)
    # Opening rounds the corners of a lump; dilation restores them.
    lesion = dilated(lumps, radius, spacing) & unlabelled
    lesion |= _dents(predicted, atlas_bone, unlabelled, offset, spacing, settings)
    return lesion | _rims(predicted, lesion, free, offset, spacing, settings)


def _rims(predicted: Mask, lesion: Mask, free: Mask, offset: float, spacing: Spacing, settings: dict[str, Any]) -> Mask:
    """The gap between predicted and restored bone, which results from the offset of the atlas."""
    if not lesion.any():
        return lesion
    near = dilated(lesion, offset, spacing) & free
    return near & closed(predicted | lesion, float(settings["dent_mm"]), spacing)


def _dents(
    predicted: Mask, atlas_bone: Mask, unlabelled: Mask, offset: float, spacing: Spacing, settings: dict[str, Any]
) -> Mask:
    """Unlabelled atlas bone in dents of the prediction, around voxels that are deeper in the atlas than any shell."""
    deep = eroded(atlas_bone, offset, spacing) & unlabelled
    near = dilated(deep, offset, spacing) & unlabelled
    return near & closed(predicted, float(settings["dent_mm"]), spacing) if near.any() else near


def _touching(lumps: Mask, predicted: Mask, sure: Mask) -> Mask:
    """The lumps that touch predicted bone and contain voxels with sufficient agreement of the atlas."""
    numbers, count = components(lumps)
    edge = np.asarray(ndimage.binary_dilation(predicted, TOUCHING), bool)
    is_touching = np.bincount(numbers[edge], minlength=count + 1) > 0
    is_touching &= np.bincount(numbers[sure], minlength=count + 1) > 0
    is_touching[0] = False
    return is_touching[numbers]
