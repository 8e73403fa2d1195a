"""Step 5: adds a margin to the bones, so that labels which are slightly too small do not cut off marrow.

Each background voxel in the body within a distance of bone gets the label of the nearest bone. Labelled voxels do not
change. If two bones are equally near, the order of the offsets in the ball decides, which is always the same.
"""

from typing import Any

import numpy as np

from marrow.bones.correction.balls import ball, surface
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing, millilitres


def dilate(labels: Labels, body: Mask, spacing: Spacing, settings: dict[str, Any]) -> Outcome:
    """Labels `(z, y, x)` with a margin of `mm`; voxels of `spacing` (z, y, x) in mm."""
    mm = float(settings["mm"])
    steps = ball(mm, spacing)
    if not len(steps):
        narrowest = min(spacing)
        return Outcome(
            labels.copy(), (f"a margin of {mm:g} mm is less than a voxel ({narrowest:g} mm): nothing changed",)
        )
    reach = np.abs(steps).max(axis=0)
    margin = [(int(most), int(most)) for most in reach]
    result = np.pad(labels, margin)
    flat, free = result.reshape(-1), np.pad(body & (labels == 0), margin).reshape(-1)
    strides = np.array([result.shape[1] * result.shape[2], result.shape[2], 1])
    bone = (np.argwhere(surface(labels != 0)) + reach) @ strides
    bone_ids = flat[bone]
    for move in steps @ strides:
        target = bone + move
        is_free = free[target]
        flat[target[is_free]] = bone_ids[is_free]
        free[target[is_free]] = False
    z, y, x = (slice(int(most), int(most) + count) for most, count in zip(reach, labels.shape, strict=True))
    dilated = np.ascontiguousarray(result[z, y, x])
    added = int(np.count_nonzero(dilated)) - int(np.count_nonzero(labels))
    return Outcome(dilated, (f"a margin of {mm:g} mm adds {millilitres(added, spacing):.1f} ml",))
