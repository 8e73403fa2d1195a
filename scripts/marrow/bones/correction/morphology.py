"""Step 4: the shape of each bone. Small gaps are closed, crumbs dropped, holes filled.

For each bone on its own, in its box:

1. gaps narrower than about twice `close_mm` are closed, so that a crack does not part a bone;
2. of its components, those with at least `least_share` of the largest one and `least_ml` stay. A bone named in
   `several`, by name, region or the beginning of its name, is made of many parts, so there a component stays with
   `least_share_of_several`. Parts with a gap of two voxels or less count as one: on a coarse grid a thin bridge between
   them is the first thing that is lost;
3. cavities, background enclosed in three dimensions, are filled up to `fill_ml`. The limit keeps the braincase and the
   sinuses empty. Holes in single slices stay: in an axial slice the spinal canal is one.

A voxel is only ever added where there was no bone, so no bone takes from another.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.balls import closed, grown
from marrow.bones.correction.boxes import FACES, boxes, components, widened
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing, millilitres
from marrow.bones.table import Bone


def tidy(labels: Labels, body: Mask, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]) -> Outcome:
    """Labels `(z, y, x)` with each bone closed, freed of crumbs and filled; voxels of `spacing` (z, y, x) in mm."""
    result = labels.copy()
    said: list[str] = []
    where = boxes(labels)
    for bone in bones:
        if bone.id in where:
            box = widened(where[bone.id], float(settings["close_mm"]), spacing, labels.shape)
            said += _tidy_bone(result[box], body[box], bone, spacing, settings)
    return Outcome(result, tuple(said))


def has_several(bone: Bone, several: Sequence[str]) -> bool:
    """Whether a bone is made of several parts: its name, its region or the beginning of its name is in the list."""
    return any(bone.region == name or bone.name == name or bone.name.startswith(f"{name}_") for name in several)


def _tidy_bone(labels: Labels, body: Mask, bone: Bone, spacing: Spacing, settings: dict[str, Any]) -> list[str]:
    """Tidy one bone in its box of the result; what was done."""
    before = labels == bone.id
    free = (labels == 0) & body
    whole = closed(before, float(settings["close_mm"]), spacing) & (before | free)
    kept, dropped = _plausible(whole, bone, spacing, settings)
    # What belongs to a dropped crumb alone is no bone; the rest may have been closed.
    filled = kept | (_cavities(kept, float(settings["fill_ml"]), spacing) & (before | free))
    labels[before & ~filled] = 0
    labels[filled] = bone.id
    said: list[str] = []
    if dropped:
        lost = millilitres(int(np.count_nonzero(before & ~filled)), spacing)
        said.append(f"{bone.name}: {dropped} small components, {lost:.1f} ml, removed")
    added = int(np.count_nonzero(filled & ~before))
    if added:
        said.append(f"{bone.name}: gaps and holes, {millilitres(added, spacing):.1f} ml, filled")
    return said


def _plausible(mask: Mask, bone: Bone, spacing: Spacing, settings: dict[str, Any]) -> tuple[Mask, int]:
    """The components of a bone that may be part of it, and how many are not; the largest one always stays."""
    numbers, count = components(grown(mask, max(spacing), spacing))
    numbers *= mask
    if count <= 1:
        return mask, 0
    sizes = np.bincount(numbers.reshape(-1), minlength=count + 1)
    sizes[0] = 0
    share = "least_share_of_several" if has_several(bone, settings["several"]) else "least_share"
    least = max(float(settings[share]) * sizes.max(), float(settings["least_ml"]) / millilitres(1, spacing))
    stays = sizes >= least
    stays[int(sizes.argmax())] = True
    stays[0] = False
    return stays[numbers], count - int(np.count_nonzero(stays))


def _cavities(mask: Mask, most_ml: float, spacing: Spacing) -> Mask:
    """The enclosed parts of the background that are no larger than `most_ml`."""
    numbers, count = components(~np.pad(mask, 1), FACES)
    sizes = np.bincount(numbers.reshape(-1), minlength=count + 1)
    small = sizes <= most_ml / millilitres(1, spacing)
    small[numbers[0, 0, 0]] = False
    small[0] = False
    return small[numbers][1:-1, 1:-1, 1:-1]
