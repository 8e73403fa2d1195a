"""Rule score_bones: Dice, surface distance and volume error of each bone of a scan, before and after correction."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from marrow.bones.scores.per_bone import CORRECTED, RAW, Labels, score_labels
from marrow.bones.scores.table import write_scores
from marrow.bones.table import read_bones
from marrow.imaging.volume import read_on_grid, read_volume, voxels


def main(*, raw_bones: Path, corrected: Path, annotation: Path, bone_table: Path, scores: Path, scan: str) -> None:
    """Score a scan's bones.

    Args:
        raw_bones: label map as the network (or the given map) has it.
        corrected: the same after correction, before dilation, which is inclusive by intention.
        annotation: the true label map, on the same grid.
        bone_table: the bones, TSV.
        scores: where the scores go, CSV: a row per bone and stage.
        scan: the scan's id.
    """
    bones = read_bones(bone_table)
    truth = read_volume(annotation)
    spacing = truth.GetSpacing()[::-1]
    true = np.asarray(voxels(truth), dtype=np.uint8)
    rows = [
        score
        for stage, path in ((RAW, raw_bones), (CORRECTED, corrected))
        for score in score_labels(_labels_on(truth, path, stage), true, bones, spacing, scan, stage)
    ]
    position = {bone.name: bone.id for bone in bones}
    write_scores(sorted(rows, key=lambda score: position[score.bone]), scores)


def _labels_on(truth: sitk.Image, path: Path, stage: str) -> Labels:
    image = read_on_grid(path, truth, f"the {stage} bones")
    return np.array(voxels(image), dtype=np.uint8)  # a copy: the view would not outlive the image


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
