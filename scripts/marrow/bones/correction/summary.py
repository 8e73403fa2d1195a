"""What the correction tells of itself: pictures of the labels after each step, its changes, and each bone's volume."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.correction.boxes import boxes
from marrow.bones.correction.chain import STEPS
from marrow.bones.correction.outcome import Labels, Outcome, Spacing, millilitres
from marrow.bones.correction.views import front, side
from marrow.bones.table import Bone
from marrow.imaging.volume import voxels, with_voxels


def pictures(step: str | None, labels: Labels, geometry: sitk.Image) -> dict[str, Labels]:
    """The two pictures of labels `(z, y, x)` in the place of `geometry`, named after the step; None is before all."""
    name = "0_raw" if step is None else f"{STEPS.index(step) + 1}_{step}"
    turned = sitk.DICOMOrient(with_voxels(labels, geometry), "LPS")
    upright = np.asarray(voxels(turned), np.uint8)
    return {f"{name}_front": front(upright), f"{name}_side": side(upright)}


def changes(step: str, before: Labels, outcome: Outcome, spacing: Spacing) -> dict[str, Any]:
    """How much a step changed, and what it says."""
    changed = int(np.count_nonzero(before != outcome.labels))
    return {
        "step": step,
        "changed_voxels": changed,
        "changed_ml": round(millilitres(changed, spacing), 3),
        "said": list(outcome.said),
    }


def volumes(stages: dict[str, Labels], bones: Sequence[Bone], spacing: Spacing) -> dict[str, dict[str, float]]:
    """Each bone's volume in ml at each of the stages, by the stages' names."""
    counts = {stage: _counts(labels) for stage, labels in stages.items()}
    return {
        bone.name: {
            f"{stage}_ml": round(millilitres(count.get(bone.id, 0), spacing), 3) for stage, count in counts.items()
        }
        for bone in bones
    }


def _counts(labels: Labels) -> dict[int, int]:
    """Voxels of each id that occurs; within boxes, since a histogram of the whole would need eight times its memory."""
    return {number: int(np.count_nonzero(labels[box] == number)) for number, box in boxes(labels).items()}
