"""Step 3: labels on the wrong side of the midsagittal sheet get the id of the bone on the other side.

A component of a lateral bone with a share of at least `mostly` on the wrong side changes as a whole. In other
components only the part more than `tolerance_mm` beyond the sheet changes: a left and a right half with one label are
one component. Voxels within the tolerance are on neither side.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.boxes import boxes, components
from marrow.bones.correction.midplane import Sheet
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing, millilitres
from marrow.bones.table import Bone
from marrow.imaging.grid import Grid


def correct_sides(
    labels: Labels, sheet: Sheet, grid: Grid, bones: Sequence[Bone], spacing: Spacing, settings: dict[str, Any]
) -> Outcome:
    """Labels `(z, y, x)` on `grid` with the sides of lateral bones corrected; voxels of `spacing` (z, y, x) in mm."""
    result = labels.copy()
    messages: list[str] = []
    names = {bone.id: bone.name for bone in bones}
    tolerance, mostly = float(settings["tolerance_mm"]), float(settings["mostly"])
    label_boxes = boxes(labels)
    for bone in bones:
        if bone.side == "middle" or bone.id not in label_boxes:
            continue
        box = label_boxes[bone.id]
        mask = labels[box] == bone.id
        positions = np.argwhere(mask) + [side.start for side in box]
        leftward = sheet.distance(grid.points(positions[:, ::-1]))
        wrong, parts = misplaced(mask, leftward if bone.side == "left" else -leftward, tolerance, mostly)
        if parts:
            result[box][wrong] = bone.mirror
            volume = millilitres(int(np.count_nonzero(wrong)), spacing)
            other = "right" if bone.side == "left" else "left"
            messages.append(
                f"{bone.name}: {parts} component{'s' * (parts > 1)}, {volume:.1f} ml on the {other} side, "
                f"relabelled {names[bone.mirror]}"
            )
    return Outcome(result, tuple(messages))


def misplaced(
    mask: Mask, own_side_mm: npt.NDArray[np.floating], tolerance_mm: float, mostly: float
) -> tuple[Mask, int]:
    """The voxels of a bone that belong to its mirror image, and the number of components that they are in.

    A component with at least a share `mostly` on the wrong side belongs there as a whole; of other components only the
    voxels on the wrong side do. Voxels within the tolerance are not counted.

    `own_side_mm`, (voxels,), is the distance from the border of each voxel of the mask `(z, y, x)`, in the order of
    `np.argwhere(mask)`; it is negative on the wrong side.
    """
    positions = np.argwhere(mask)
    numbers, count = components(mask)
    component = numbers[tuple(positions.T)]
    wrong, right = own_side_mm < -tolerance_mm, own_side_mm > tolerance_mm
    votes = [np.bincount(component, weights=side, minlength=count + 1) for side in (wrong, right)]
    whole: npt.NDArray[np.bool_] = votes[0] >= mostly * (votes[0] + votes[1])
    whole &= votes[0] > 0
    changes = whole[component] | wrong
    result = np.zeros_like(mask)
    result[tuple(positions[changes].T)] = True
    return result, len(np.unique(component[changes]))
