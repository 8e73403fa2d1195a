"""The nearest labelled voxel of some places, within a reach: how far it is and what its label is.

Only places that are asked for are looked at, nearest steps first, which needs no distance map of a whole body.
"""

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.balls import ball
from marrow.bones.correction.outcome import Labels, Mask, Spacing

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


def nearest(labels: Labels | Mask, places: Places, reach_mm: float, spacing: Spacing) -> tuple[Floats, Labels]:
    """Millimetres to the nearest voxel with a label, `(places,)`, infinite beyond the reach, and its label or 0.

    Args:
        labels: `(z, y, x)`; beyond the array there is none.
        places: voxels `(places, 3)`.
        reach_mm: how far to look.
        spacing: of the voxels (z, y, x) in mm.
    """
    steps = ball(reach_mm, spacing)
    margin = np.abs(steps).max(axis=0, initial=0)
    padded = np.pad(labels.view(np.uint8), [(int(most), int(most)) for most in margin])
    flat = padded.reshape(-1)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    at = (places + margin) @ strides
    found = flat[at]
    away = np.where(found > 0, 0, np.inf).astype(np.float32)
    left = np.flatnonzero(found == 0)
    at = at[left]
    for move, mm in zip(steps @ strides, np.linalg.norm(steps * np.asarray(spacing), axis=1), strict=True):
        seen = flat[at + move]
        hit = seen > 0
        found[left[hit]] = seen[hit]
        away[left[hit]] = mm
        left, at = left[~hit], at[~hit]
    return away, found


def depth(mask: Mask, places: Places, reach_mm: float, spacing: Spacing) -> Floats:
    """How deep in a mask places lie, in mm: negative outside of it, at most the reach; 0 is between two voxels."""
    inside: Mask = mask[tuple(places.T)]
    result = np.empty(len(places), np.float32)
    result[inside] = nearest(~mask, places[inside], reach_mm, spacing)[0]
    result[~inside] = -nearest(mask, places[~inside], reach_mm, spacing)[0]
    half = np.float32(min(spacing) / 2)
    return np.clip(result - np.sign(result) * half, -reach_mm, reach_mm)
