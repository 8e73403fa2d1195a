"""Step 1: corrects the surface of the bones by a small model of the scan's contrasts near the atlas's bones.

Most errors of the network are within a voxel or two of a bone's surface, and so are most errors of the atlas, for other
reasons. A small model (`surface.model`), trained on the annotated training scans, combines both with the contrasts
around each voxel. It classifies the voxels within `reach_mm` of the atlas's bones; a voxel of bone gets the id of the
nearest bone of the atlas. Voxels farther away do not change.

If the Dice of labels and atlas is below `least_overlap`, the atlas does not fit the scan and nothing changes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.outcome import Labels, Outcome, millilitres
from marrow.bones.scores.overlap import dice
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.model import SurfaceModel
from marrow.bones.table import Bone

_POSITIONS_PER_BLOCK = 1 << 17  # few blocks, because each pads the whole scan


def correct_surface(
    labels: Labels, surroundings: Surroundings, model: SurfaceModel, bones: Sequence[Bone], settings: dict[str, Any]
) -> Outcome:
    """Labels of a whole scan `(z, y, x)` with the surface of bones corrected by the model.

    `surroundings` are on the box of the body; `settings` has `reach_mm` and `least_overlap`.
    """
    atlas_bone = (surroundings.atlas > 0) & surroundings.body.mask
    overlap = dice(surroundings.labels > 0, atlas_bone) or 0.0
    if overlap < float(settings["least_overlap"]):
        return Outcome(labels, (f"the atlas overlaps the bones by a Dice of {overlap:.2f} only; nothing changed",))
    reach_mm = float(settings["reach_mm"])
    result = labels.copy()
    part = result[surroundings.body.box]
    positions = np.argwhere(surroundings.near(reach_mm))
    for block in np.array_split(positions, max(1, len(positions) // _POSITIONS_PER_BLOCK)):
        is_bone = model.logits(surroundings.features(block, bones, reach_mm)) > 0
        part[tuple(block.T)] = 0
        part[tuple(block[is_bone].T)] = surroundings.neighbours(block[is_bone], reach_mm)
    added, removed, renamed = _changes(surroundings.labels, part)
    message = ", ".join(
        f"{millilitres(count, surroundings.spacing):.1f} ml {what}"
        for what, count in (("added", added), ("removed", removed), ("renamed", renamed))
        if count
    )
    return Outcome(result, (message,) if message else ())


def _changes(before: Labels, after: Labels) -> tuple[int, int, int]:
    """The numbers of voxels that were added, removed and renamed."""
    was, is_now = before > 0, after > 0
    return (
        int(np.count_nonzero(is_now & ~was)),
        int(np.count_nonzero(was & ~is_now)),
        int(np.count_nonzero(was & is_now & (before != after))),
    )
