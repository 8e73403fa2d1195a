"""The scores of a label map, bone by bone.

Every bone is compared within the smallest box that holds it in both maps, which changes no number: a mask is empty
outside of its box.

What a number is when a bone is not there:

| in the annotation | in the map | dice | hd95 | volume error |
|---|---|---|---|---|
| no (not in view) | no | none | none | none |
| no | yes | 0 | none | none |
| yes | no | 0 | none (infinite) | -1 |
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from marrow.bones.correction.boxes import Box, boxes, union
from marrow.bones.scores.overlap import dice, volume_error
from marrow.bones.scores.surface_distance import hd95
from marrow.bones.table import Bone
from marrow.tables.frames import Columns, frame_of

Labels = npt.NDArray[np.uint8]
_NOWHERE: Box = (slice(0, 0), slice(0, 0), slice(0, 0))

RAW, CORRECTED = "raw", "corrected"
STAGES = (RAW, CORRECTED)


# The Dice coefficient (0 to 1), the 95th percentile of the surface distances in millimetres, and the signed error of
# the volume as a share of the true one. The stage is `raw`, as predicted, or `corrected`.
NUMBERS = ("dice", "hd95_mm", "volume_error")
SCORES: Columns = {"scan": str, "bone": str, "stage": str, **dict.fromkeys(NUMBERS, float)}


def score_labels(
    predicted: Labels, true: Labels, bones: Sequence[Bone], spacing_mm: Sequence[float], scan: str, stage: str
) -> pd.DataFrame:
    """The scores of each bone, a row each in their order; an undefined number is NaN.

    Both label maps are `(z, y, x)`, on one grid with voxels of `spacing_mm`; labels of other bones are left out of
    account.
    """
    both = [boxes(labels) for labels in (predicted, true)]
    rows: list[dict[str, str | float | None]] = []
    for bone in bones:
        present = [of_map[bone.id] for of_map in both if bone.id in of_map]
        box = union(*present) if present else _NOWHERE
        found, expected = predicted[box] == bone.id, true[box] == bone.id
        numbers = (dice(found, expected), hd95(found, expected, spacing_mm), volume_error(found, expected))
        rows.append({"scan": scan, "bone": bone.name, "stage": stage, **dict(zip(NUMBERS, numbers, strict=True))})
    return frame_of(rows, SCORES)
