"""Step 5: a margin about the bones, so that a mask drawn a little tight does not cut marrow off.

Each voxel of background in the body within a distance of bone takes the label of the nearest bone. A voxel that has a
label keeps it. Where two bones are equally near, the order of the steps in the ball decides, the same every time.
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
    own = flat[bone]
    for move in steps @ strides:
        target = bone + move
        taken = free[target]
        flat[target[taken]] = own[taken]
        free[target[taken]] = False
    z, y, x = (slice(int(most), int(most) + count) for most, count in zip(reach, labels.shape, strict=True))
    dilated = np.ascontiguousarray(result[z, y, x])
    added = int(np.count_nonzero(dilated)) - int(np.count_nonzero(labels))
    return Outcome(dilated, (f"a margin of {mm:g} mm adds {millilitres(added, spacing):.1f} ml",))
