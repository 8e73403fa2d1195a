"""The summary of a correction: projections of the labels after each step, its changes, and the volume of each bone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.correction.boxes import boxes
from marrow.bones.correction.chain import STEPS
from marrow.bones.correction.outcome import Labels, Outcome, Spacing, millilitres
from marrow.bones.table import Bone
from marrow.imaging.volume import voxels, with_voxels


def pictures(step: str | None, labels: Labels, geometry: sitk.Image) -> dict[str, Labels]:
    """Projections of labels `(z, y, x)`, named after the step; None stands for the raw labels.

    From the front `(z, x)` the patient's right side is at the left; from the patient's left `(z, y)` the front is.
    """
    name = "0_raw" if step is None else f"{STEPS.index(step) + 1}_{step}"
    turned = sitk.DICOMOrient(with_voxels(labels, geometry), "LPS")
    upright = np.asarray(voxels(turned), np.uint8)
    return {f"{name}_front": _projected(upright, 1), f"{name}_side": _projected(upright[:, :, ::-1], 2)}


def changes(step: str, before: Labels, outcome: Outcome, spacing: Spacing) -> dict[str, Any]:
    """The number of voxels that a step changed, and its messages."""
    changed = int(np.count_nonzero(before != outcome.labels))
    return {
        "step": step,
        "changed_voxels": changed,
        "changed_ml": round(millilitres(changed, spacing), 3),
        "said": list(outcome.messages),
    }


def volumes(stages: dict[str, Labels], bones: Sequence[Bone], spacing: Spacing) -> dict[str, dict[str, float]]:
    """The volume of each bone in ml at each named stage."""
    counts = {stage: _counts(labels) for stage, labels in stages.items()}
    return {
        bone.name: {
            f"{stage}_ml": round(millilitres(count.get(bone.id, 0), spacing), 3) for stage, count in counts.items()
        }
        for bone in bones
    }


def _counts(labels: Labels) -> dict[int, int]:
    """Number of voxels of each id; counted in boxes, since a histogram of the whole needs eight times its memory."""
    return {number: int(np.count_nonzero(labels[box] == number)) for number, box in boxes(labels).items()}


def _projected(labels: Labels, axis: int) -> Labels:
    """The first label along an axis of labels `(z, y, x)`, the head above; 0 where there is none."""
    first = np.expand_dims((labels != 0).argmax(axis), axis)
    return np.take_along_axis(labels, first, axis).squeeze(axis)[::-1]
