"""Bone that a prediction lacks and the atlas has: a whole bone that is missing, and parts lost to a lesion.

Where an atlas is registered a little off, its bone and the predicted one differ by a shell: prediction outside of the
atlas on one side, atlas without prediction on the other. Both shells are equally thick, and a lesion only adds to the
second one. So the first tells how thick a lump of unlabelled atlas has to be until it is a loss rather than a shell:
with an atlas that lies exactly on the prediction every loss comes back, with one that is 5 mm off only larger ones,
and with one that is farther off than `poorest_fit_mm` nothing does.
"""

from typing import Any

import numpy as np
from scipy import ndimage

from marrow.bones.correction.balls import closed, grown, opened, shrunk
from marrow.bones.correction.boxes import TOUCHING, components
from marrow.bones.correction.outcome import Mask, Spacing

# The part of the predicted bone that may lie farther off than the measured offset.
_ASTRAY = 0.02


def is_missing(predicted: Mask, drawn: Mask, least_share: float) -> bool:
    """Whether a bone has less than a share of the volume that the atlas gives it."""
    return bool(np.count_nonzero(predicted) < least_share * np.count_nonzero(drawn))


def offset_mm(predicted: Mask, drawn: Mask, most_mm: float, spacing: Spacing) -> float | None:
    """How far predicted bone lies outside of the atlas's bone, in whole voxels; nothing if farther than `most_mm`."""
    allowed = _ASTRAY * np.count_nonzero(predicted)
    step = max(spacing)
    for voxels in range(int(most_mm / step) + 1):
        if np.count_nonzero(predicted & ~grown(drawn, voxels * step, spacing)) <= allowed:
            return voxels * step
    return None


def lost(
    predicted: Mask, drawn: Mask, free: Mask, sure: Mask, spacing: Spacing, settings: dict[str, Any]
) -> Mask | None:
    """The parts of a bone, `(z, y, x)`, that the atlas has, the prediction lacks, and a lesion may have taken.

    Args:
        predicted: the predicted bone.
        drawn: the atlas's bone.
        free: voxels in the body without a label.
        sure: where the registered maps agree.
        spacing: of the voxels (z, y, x) in mm.
        settings: `poorest_fit_mm`, `dent_mm`.

    Returns:
        The lost voxels; nothing where the atlas does not lie on the prediction.
    """
    offset = offset_mm(predicted, drawn, float(settings["poorest_fit_mm"]), spacing)
    if offset is None:
        return None
    unlabelled = drawn & free
    if not offset:
        return _touching(unlabelled, predicted, sure)
    radius = max(offset / 2, max(spacing))
    lumps = _touching(opened(unlabelled, radius, spacing), predicted, sure)
    # An opened lump has lost its corners: they come back with it.
    back = grown(lumps, radius, spacing) & unlabelled
    back |= _dents(predicted, drawn, unlabelled, offset, spacing, settings)
    return back | _rims(predicted, back, free, offset, spacing, settings)


def _rims(predicted: Mask, back: Mask, free: Mask, offset: float, spacing: Spacing, settings: dict[str, Any]) -> Mask:
    """What lies between predicted bone and bone that came back, where the atlas is off by its offset."""
    if not back.any():
        return back
    near = grown(back, offset, spacing) & free
    return near & closed(predicted | back, float(settings["dent_mm"]), spacing)


def _dents(
    predicted: Mask, drawn: Mask, unlabelled: Mask, offset: float, spacing: Spacing, settings: dict[str, Any]
) -> Mask:
    """Unlabelled atlas bone in the dents of a predicted bone, about voxels so deep in the atlas that no shell is."""
    deep = shrunk(drawn, offset, spacing) & unlabelled
    near = grown(deep, offset, spacing) & unlabelled
    return near & closed(predicted, float(settings["dent_mm"]), spacing) if near.any() else near


def _touching(lumps: Mask, predicted: Mask, sure: Mask) -> Mask:
    """The lumps that touch predicted bone and of which the atlas is sure somewhere."""
    numbers, count = components(lumps)
    edge = np.asarray(ndimage.binary_dilation(predicted, TOUCHING), bool)
    back = np.bincount(numbers[edge], minlength=count + 1) > 0
    back &= np.bincount(numbers[sure], minlength=count + 1) > 0
    back[0] = False
    return back[numbers]
