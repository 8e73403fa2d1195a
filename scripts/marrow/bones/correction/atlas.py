"""Step 2: corrects the labels by an atlas of the skeleton that is registered to the scan.

In this order:

1. **sides**: a component of a paired bone that is nearer to the atlas's bone on the other side gets its id; of other
   components only the part that is nearer by `margin_mm`;
2. **far**: a voxel farther than `farthest_mm` from the atlas's bone of the same id becomes background;
3. **missing**: a bone with less than `least_share` of the atlas's volume is filled from the atlas;
4. **lost**: parts that the network did not find because a lesion changed their signal are restored where they touch
   predicted bone and at least `sure_percent` of the registered maps agree (`restoration`).

No label is ever added on a labelled voxel or outside the body. If more than `most_removed` of the prediction would be
removed, the atlas does not fit the scan, and the step changes nothing but leaves a message.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.boxes import boxes, union, widened
from marrow.bones.correction.distances import CoarseDistance
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing, millilitres
from marrow.bones.correction.restoration import is_missing, lost_parts
from marrow.bones.correction.sides import misplaced
from marrow.bones.table import Bone


def apply_atlas(
    labels: Labels,
    atlas: Labels,
    agreement: Labels,
    body: Mask,
    bones: Sequence[Bone],
    spacing: Spacing,
    settings: dict[str, Any],
) -> Outcome:
    """Labels `(z, y, x)` corrected by an atlas on the same grid.

    `agreement` is the percentage of the registered maps that agree with the atlas at each voxel; the spacing of the
    voxels (z, y, x) is in mm; `settings` are those in the module's docstring.
    """
    corrected = labels.copy()
    atlas_boxes = boxes(atlas)
    known = [bone for bone in bones if bone.id in atlas_boxes]
    messages = _correct_sides(corrected, atlas, known, spacing, settings)
    removed = _remove_far(corrected, atlas, known, spacing, settings)
    total = int(np.count_nonzero(labels))
    removed_total = sum(removed.values())
    if removed_total > float(settings["most_removed"]) * total:
        return Outcome(
            labels.copy(),
            (
                f"the atlas does not fit: {removed_total / max(total, 1):.0%} of the predicted bone lies farther than "
                f"{settings['farthest_mm']:g} mm from it; nothing changed",
            ),
        )
    messages += [
        f"{name}: {millilitres(count, spacing):.1f} ml far from the atlas's, removed"
        for name, count in removed.items()
        if count
    ]
    label_boxes = boxes(corrected)
    for bone in known:
        box = widened(union(atlas_boxes[bone.id], label_boxes.get(bone.id)), 0, spacing, labels.shape)
        messages += _restore(corrected[box], atlas[box], agreement[box], body[box], bone, spacing, settings)
    return Outcome(corrected, tuple(messages))


def _correct_sides(
    labels: Labels, atlas: Labels, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> list[str]:
    """Correct, in place, the sides of paired bones by the nearer bone of the atlas; returns messages."""
    by_id = {bone.id: bone for bone in bones}
    label_boxes, atlas_boxes = boxes(labels), boxes(atlas)
    messages: list[str] = []
    for bone in bones:
        if bone.mirror <= bone.id or bone.mirror not in by_id:
            continue
        pair = (bone.id, bone.mirror)
        box = union(*(atlas_boxes[one] for one in pair), *(label_boxes.get(one) for one in pair))
        messages += _correct_pair(labels[box], atlas[box], (bone, by_id[bone.mirror]), spacing, settings)
    return messages


def _correct_pair(
    labels: Labels, atlas: Labels, pair: tuple[Bone, Bone], spacing: Spacing, settings: dict[str, Any]
) -> list[str]:
    distance = {bone.id: CoarseDistance.to(atlas == bone.id, spacing) for bone in pair}
    masks = {bone.id: labels == bone.id for bone in pair}
    messages: list[str] = []
    for bone, other in (pair, pair[::-1]):
        positions = np.argwhere(masks[bone.id])
        nearer = distance[other.id].at(positions) - distance[bone.id].at(positions)
        wrong, parts = misplaced(masks[bone.id], nearer, float(settings["margin_mm"]), float(settings["mostly"]))
        if parts:
            labels[wrong] = other.id
            volume = millilitres(int(np.count_nonzero(wrong)), spacing)
            messages.append(
                f"{bone.name}: {parts} component{'s' * (parts > 1)}, {volume:.1f} ml at the atlas's {other.name}, "
                f"relabelled {other.name}"
            )
    return messages


def _remove_far(
    labels: Labels, atlas: Labels, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> dict[str, int]:
    """Remove, in place, voxels far from the atlas's bone; returns the number removed of each bone."""
    label_boxes, atlas_boxes = boxes(labels), boxes(atlas)
    removed: dict[str, int] = {}
    for bone in bones:
        if bone.id not in label_boxes:
            continue
        box = union(label_boxes[bone.id], atlas_boxes[bone.id])
        positions = np.argwhere(labels[box] == bone.id)
        far = CoarseDistance.to(atlas[box] == bone.id, spacing).at(positions) > float(settings["farthest_mm"])
        labels[box][tuple(positions[far].T)] = 0
        removed[bone.name] = int(np.count_nonzero(far))
    return removed


def _restore(
    labels: Labels,
    atlas: Labels,
    agreement: Labels,
    body: Mask,
    bone: Bone,
    spacing: Spacing,
    settings: dict[str, Any],
) -> list[str]:
    """Fill a missing bone, or restore lost parts, in place within its box; returns messages."""
    predicted = labels == bone.id
    atlas_bone = (atlas == bone.id) & body
    free = (labels == 0) & body
    if is_missing(predicted, atlas_bone, float(settings["least_share"])):
        share = np.count_nonzero(predicted) / np.count_nonzero(atlas_bone)
        added, why = atlas_bone & free, f"missing ({share:.0%} of the atlas's volume), filled from the atlas"
    else:
        is_sure = agreement >= float(settings["sure_percent"])
        restored = lost_parts(predicted, atlas_bone, free, is_sure, spacing, settings)
        if restored is None:
            return [f"{bone.name}: the atlas's lies elsewhere, nothing restored"]
        added, why = restored, "lost where the atlas is sure, restored"
    count = int(np.count_nonzero(added))
    if not count:
        return []
    labels[added] = bone.id
    return [f"{bone.name}: {millilitres(count, spacing):.1f} ml {why}"]
