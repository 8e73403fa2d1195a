"""Step 1: where the surface of the bones lies, by what the scan looks like near the atlas's bones.

Most of what a network gets wrong lies within a voxel or two of a bone's surface, and so does most of what an atlas gets
wrong, but for other reasons. A small model (`surface_model`), learned on the annotated training scans, weighs
both against the contrasts around each voxel. Within `reach_mm` of the atlas's bones it decides what is bone; a voxel
of bone takes the name of the nearest bone of the atlas. Farther away nothing changes.

Labels that overlap the atlas by a Dice of less than `least_overlap` do not fit it; then nothing changes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.outcome import Labels, Outcome, millilitres
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.model import SurfaceModel
from marrow.bones.table import Bone

_AT_ONCE = 1 << 17  # each look pads the whole scan


def settle_surface(
    labels: Labels, around: Surroundings, model: SurfaceModel, bones: Sequence[Bone], settings: dict[str, Any]
) -> Outcome:
    """Labels of a whole scan `(z, y, x)` with their surface where the model sees it.

    Args:
        labels: the predicted bones.
        around: the same on the box of the body, with the atlas and the contrasts.
        model: learned on annotated scans.
        bones: the table.
        settings: `reach_mm`, `least_overlap`.
    """
    overlap = _overlap(around)
    if overlap < float(settings["least_overlap"]):
        return Outcome(labels, (f"the atlas overlaps the bones by a Dice of {overlap:.2f} only; nothing changed",))
    reach_mm = float(settings["reach_mm"])
    result = labels.copy()
    part = result[around.body.box]
    places = np.argwhere(around.near(reach_mm))
    for some in np.array_split(places, max(1, len(places) // _AT_ONCE)):
        is_bone = model.logits(around.features(some, bones, reach_mm)) > 0
        part[tuple(some.T)] = 0
        part[tuple(some[is_bone].T)] = around.neighbours(some[is_bone], reach_mm)
    added, removed, renamed = _changes(around.labels, part)
    told = ", ".join(
        f"{millilitres(count, around.spacing):.1f} ml {what}"
        for what, count in (("added", added), ("removed", removed), ("renamed", renamed))
        if count
    )
    return Outcome(result, (told,) if told else ())


def _overlap(around: Surroundings) -> float:
    """Dice of predicted bone and the atlas's, in the body."""
    predicted, drawn = around.labels > 0, (around.atlas > 0) & around.body.mask
    total = int(np.count_nonzero(predicted)) + int(np.count_nonzero(drawn))
    return 2 * int(np.count_nonzero(predicted & drawn)) / total if total else 0.0


def _changes(before: Labels, after: Labels) -> tuple[int, int, int]:
    """Voxels that were added, removed and renamed."""
    was, is_now = before > 0, after > 0
    return (
        int(np.count_nonzero(is_now & ~was)),
        int(np.count_nonzero(was & ~is_now)),
        int(np.count_nonzero(was & is_now & (before != after))),
    )
