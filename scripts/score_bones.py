"""Rule score_bones: Dice, surface distance and volume error of each bone of a scan, before and after correction."""

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from marrow.bones.scores.per_bone import CORRECTED, RAW, SCORES, Labels, score_labels
from marrow.bones.table import read_bones
from marrow.imaging.volume import read_on_grid, read_volume, voxels
from marrow.tables.frames import write_table


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
    of_stages = pd.concat(
        score_labels(_labels_on(truth, path, stage), true, bones, spacing, scan, stage)
        for stage, path in ((RAW, raw_bones), (CORRECTED, corrected))
    )
    ids = {bone.name: bone.id for bone in bones}
    by_bone = of_stages.sort_values("bone", key=lambda names: names.map(ids), kind="stable")
    write_table(by_bone, SCORES, scores)


def _labels_on(truth: sitk.Image, path: Path, stage: str) -> Labels:
    image = read_on_grid(path, truth, f"the {stage} bones")
    return np.array(voxels(image), dtype=np.uint8)  # a copy: the view would not outlive the image


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
