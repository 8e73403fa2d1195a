"""Step 2: what an atlas of the skeleton, registered to the scan, has to say about the labels.

In this order:

1. **sides**: a component of a paired bone that is nearer to the atlas's bone on the other side takes its id, or the
   part of it that is nearer by `margin_mm` does;
2. **far**: a voxel farther than `farthest_mm` from the atlas's bone of the same id is no bone;
3. **missing**: a bone with less than `least_share` of the atlas's volume is filled from the atlas;
4. **lost**: bone that the network lost because a lesion changed its signal comes back where it touches predicted bone
   and at least `sure_percent` of the registered maps agree (`restoring`).

Nothing is ever added on a voxel that has a label, or outside of the body. An atlas that would take away more than
`most_removed` of the prediction does not fit the scan; then the step changes nothing and says so.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.boxes import Box, boxes, joined, widened
from marrow.bones.correction.coarse import CoarseDistance
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing, millilitres
from marrow.bones.correction.restoration import is_missing, lost
from marrow.bones.correction.switching import misplaced
from marrow.bones.table import Bone


def follow_atlas(
    labels: Labels,
    atlas: Labels,
    support: Labels,
    body: Mask,
    bones: Sequence[Bone],
    spacing: Spacing,
    settings: dict[str, Any],
) -> Outcome:
    """Labels `(z, y, x)` mended by an atlas; voxels of `spacing` (z, y, x) in mm.

    Args:
        labels: the predicted bones.
        atlas: the atlas's bones on the same grid.
        support: percent of the registered maps that agree with the atlas at each voxel.
        body: the body.
        bones: the table.
        spacing: of the voxels.
        settings: as the module says.
    """
    mended = labels.copy()
    drawn = boxes(atlas)
    known = [bone for bone in bones if bone.id in drawn]
    said = _settle_sides(mended, atlas, known, spacing, settings)
    removed = _remove_far(mended, atlas, known, spacing, settings)
    total = int(np.count_nonzero(labels))
    taken = sum(removed.values())
    if taken > float(settings["most_removed"]) * total:
        return Outcome(
            labels.copy(),
            (
                f"the atlas does not fit: {taken / max(total, 1):.0%} of the predicted bone lies farther than "
                f"{settings['farthest_mm']:g} mm from it; nothing changed",
            ),
        )
    said += [
        f"{name}: {millilitres(count, spacing):.1f} ml far from the atlas's, removed"
        for name, count in removed.items()
        if count
    ]
    where = boxes(mended)
    for bone in known:
        box = joined([drawn[bone.id], where.get(bone.id)])
        if box is not None:
            box = widened(box, 0, spacing, labels.shape)
            said += _restore(mended[box], atlas[box], support[box], body[box], bone, spacing, settings)
    return Outcome(mended, tuple(said))


def _settle_sides(
    labels: Labels, atlas: Labels, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> list[str]:
    """Give the bones of each pair, in place, the ids of the atlas's bones that they lie at; what was done."""
    by_id = {bone.id: bone for bone in bones}
    there, drawn = boxes(labels), boxes(atlas)
    said: list[str] = []
    for bone in bones:
        if bone.mirror <= bone.id or bone.mirror not in by_id:
            continue
        pair = (bone.id, bone.mirror)
        box = joined([*(there.get(one) for one in pair), *(drawn[one] for one in pair)])
        if box is not None:
            said += _settle_pair(labels[box], atlas[box], (bone, by_id[bone.mirror]), spacing, settings)
    return said


def _settle_pair(
    labels: Labels, atlas: Labels, pair: tuple[Bone, Bone], spacing: Spacing, settings: dict[str, Any]
) -> list[str]:
    to = {bone.id: CoarseDistance.to(atlas == bone.id, spacing) for bone in pair}
    masks = {bone.id: labels == bone.id for bone in pair}
    said: list[str] = []
    for bone, other in (pair, pair[::-1]):
        places = np.argwhere(masks[bone.id])
        nearer = to[other.id].at(places) - to[bone.id].at(places)
        wrong, parts = misplaced(masks[bone.id], nearer, float(settings["margin_mm"]), float(settings["mostly"]))
        if parts:
            labels[wrong] = other.id
            volume = millilitres(int(np.count_nonzero(wrong)), spacing)
            said.append(
                f"{bone.name}: {parts} component{'s' * (parts > 1)}, {volume:.1f} ml at the atlas's {other.name}, "
                f"relabelled {other.name}"
            )
    return said


def _remove_far(
    labels: Labels, atlas: Labels, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> dict[str, int]:
    """Remove, in place, what lies far from the atlas's bone; voxels removed per bone."""
    there, drawn = boxes(labels), boxes(atlas)
    removed: dict[str, int] = {}
    for bone in bones:
        box: Box | None = joined([there[bone.id], drawn[bone.id]]) if bone.id in there else None
        if box is None:
            continue
        places = np.argwhere(labels[box] == bone.id)
        far = CoarseDistance.to(atlas[box] == bone.id, spacing).at(places) > float(settings["farthest_mm"])
        labels[box][tuple(places[far].T)] = 0
        removed[bone.name] = int(np.count_nonzero(far))
    return removed


def _restore(
    labels: Labels,
    atlas: Labels,
    support: Labels,
    body: Mask,
    bone: Bone,
    spacing: Spacing,
    settings: dict[str, Any],
) -> list[str]:
    """Fill one bone in its box, in place, where it is missing or lost; what was done."""
    predicted = labels == bone.id
    drawn = (atlas == bone.id) & body
    free = (labels == 0) & body
    if is_missing(predicted, drawn, float(settings["least_share"])):
        share = np.count_nonzero(predicted) / np.count_nonzero(drawn)
        added, why = drawn & free, f"missing ({share:.0%} of the atlas's volume), filled from the atlas"
    else:
        found = lost(predicted, drawn, free, support >= float(settings["sure_percent"]), spacing, settings)
        if found is None:
            return [f"{bone.name}: the atlas's lies elsewhere, nothing restored"]
        added, why = found, "lost where the atlas is sure, restored"
    count = int(np.count_nonzero(added))
    if not count:
        return []
    labels[added] = bone.id
    return [f"{bone.name}: {millilitres(count, spacing):.1f} ml {why}"]
