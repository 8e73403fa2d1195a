"""Step 3: labels on the wrong side of the midsagittal sheet take the id of the bone on the other side.

A component of a lateral bone of which at least `mostly` lies on the wrong side changes as a whole. In any other
component only the part that lies more than `tolerance_mm` beyond the sheet changes: a left and a right half with one
label are one component. A component within the tolerance is left alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from marrow.bones.correction.boxes import boxes
from marrow.bones.correction.midplane import Sheet
from marrow.bones.correction.outcome import Labels, Outcome, Spacing, millilitres
from marrow.bones.correction.switching import misplaced
from marrow.bones.table import Bone
from marrow.imaging.grid import Grid


def settle_sides(
    labels: Labels, sheet: Sheet, grid: Grid, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> Outcome:
    """Labels `(z, y, x)` on `grid` with lateral bones on their own side; voxels of `spacing` (z, y, x) in mm."""
    result = labels.copy()
    said: list[str] = []
    names = {bone.id: bone.name for bone in bones}
    tolerance, mostly = float(settings["tolerance_mm"]), float(settings["mostly"])
    where = boxes(labels)
    for bone in bones:
        if bone.side == "middle" or bone.id not in where:
            continue
        box = where[bone.id]
        mask = labels[box] == bone.id
        places = np.argwhere(mask) + [side.start for side in box]
        leftward = sheet.distance(grid.points(places[:, ::-1]))
        wrong, parts = misplaced(mask, leftward if bone.side == "left" else -leftward, tolerance, mostly)
        if parts:
            result[box][wrong] = bone.mirror
            volume = millilitres(int(np.count_nonzero(wrong)), spacing)
            other = "right" if bone.side == "left" else "left"
            said.append(
                f"{bone.name}: {parts} component{'s' * (parts > 1)}, {volume:.1f} ml on the {other} side, "
                f"relabelled {names[bone.mirror]}"
            )
    return Outcome(result, tuple(said))
