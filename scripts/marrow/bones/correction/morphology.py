"""Step 4: cleans the shape of each bone: closes small gaps, removes small components, fills holes.

For each bone separately, in its bounding box:

1. gaps narrower than about twice `close_mm` are closed, so that a crack does not split a bone;
2. components with at least `least_share` of the largest one and `least_ml` are kept. For a bone in the list `several`
   (by name, region or the beginning of its name), which consists of many parts, the share is `least_share_of_several`.
   Parts with a gap of two voxels or less count as one component, because thin bridges are lost first on a coarse grid;
3. cavities (background enclosed in three dimensions) are filled up to `fill_ml`. The limit keeps the braincase and the
   sinuses empty. Holes in single slices are not filled, since the spinal canal is one.

Voxels are only added to background, so that no bone replaces another.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.balls import closed, dilated
from marrow.bones.correction.boxes import FACES, boxes, components, widened
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing, millilitres
from marrow.bones.table import Bone


def clean_shape(
    labels: Labels, body: Mask, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> Outcome:
    """Labels `(z, y, x)` with the shape of each bone cleaned; voxels of `spacing` (z, y, x) in mm."""
    result = labels.copy()
    messages: list[str] = []
    label_boxes = boxes(labels)
    for bone in bones:
        if bone.id in label_boxes:
            box = widened(label_boxes[bone.id], float(settings["close_mm"]), spacing, labels.shape)
            messages += _clean_bone(result[box], body[box], bone, spacing, settings)
    return Outcome(result, tuple(messages))


def has_several(bone: Bone, several: Sequence[str]) -> bool:
    """Whether a bone has several parts: its name, its region or the beginning of its name is in the list."""
    return any(bone.region == name or bone.name == name or bone.name.startswith(f"{name}_") for name in several)


def _clean_bone(labels: Labels, body: Mask, bone: Bone, spacing: Spacing, settings: dict[str, Any]) -> list[str]:
    """Clean one bone, in place, in its box; returns messages."""
    before = labels == bone.id
    free = (labels == 0) & body
    whole = closed(before, float(settings["close_mm"]), spacing) & (before | free)
    kept, dropped = _plausible(whole, bone, spacing, settings)
    # Voxels of removed components become background, unless closing or filling added them to a kept one.
    filled = kept | (_cavities(kept, float(settings["fill_ml"]), spacing) & (before | free))
    labels[before & ~filled] = 0
    labels[filled] = bone.id
    messages: list[str] = []
    if dropped:
        removed = millilitres(int(np.count_nonzero(before & ~filled)), spacing)
        messages.append(f"{bone.name}: {dropped} small components, {removed:.1f} ml, removed")
    added = int(np.count_nonzero(filled & ~before))
    if added:
        messages.append(f"{bone.name}: gaps and holes, {millilitres(added, spacing):.1f} ml, filled")
    return messages


def _plausible(mask: Mask, bone: Bone, spacing: Spacing, settings: dict[str, Any]) -> tuple[Mask, int]:
    """The components of a bone that are kept, and the number of those removed; the largest is always kept."""
    numbers, count = components(dilated(mask, max(spacing), spacing))
    numbers *= mask
    if count <= 1:
        return mask, 0
    sizes = np.bincount(numbers.reshape(-1), minlength=count + 1)
    sizes[0] = 0
    share = "least_share_of_several" if has_several(bone, settings["several"]) else "least_share"
    least = max(float(settings[share]) * sizes.max(), float(settings["least_ml"]) / millilitres(1, spacing))
    is_kept = sizes >= least
    is_kept[int(sizes.argmax())] = True
    is_kept[0] = False
    return is_kept[numbers], count - int(np.count_nonzero(is_kept))


def _cavities(mask: Mask, largest_ml: float, spacing: Spacing) -> Mask:
    """The enclosed components of the background up to a volume of `largest_ml`."""
    numbers, count = components(~np.pad(mask, 1), FACES)
    sizes = np.bincount(numbers.reshape(-1), minlength=count + 1)
    is_small = sizes <= largest_ml / millilitres(1, spacing)
    is_small[numbers[0, 0, 0]] = False
    is_small[0] = False
    return is_small[numbers][1:-1, 1:-1, 1:-1]
