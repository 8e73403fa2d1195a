"""Rule correct_bones: corrects a label map of bones step by step, and adds a margin.

docs/correction.md says what each step does.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.correction import summary
from marrow.bones.correction.chain import Scan, correct
from marrow.bones.correction.outcome import Labels
from marrow.bones.segmentation.prepare import Body, read_body
from marrow.bones.surface.model import SurfaceModel, read_surface_model
from marrow.bones.table import Bone, read_bones
from marrow.errors import ScanStopped
from marrow.imaging.volume import read_on_grid, read_volume, voxels, with_voxels, write_volume

_log = logging.getLogger(__name__)


def main(
    *,
    raw_bones: Path,
    water: Path,
    body_resampled: Path,
    atlas: list[Path],
    support: list[Path],
    volumes: list[Path],
    surface: list[Path],
    bone_table: Path,
    corrected: Path,
    dilated: Path,
    steps: Path,
    corrections: Path,
    contrasts: list[str],
    settings: dict[str, Any],
) -> None:
    """Correct the bones of a scan.

    Args:
        raw_bones: the label map to correct.
        water: the image of the role grid, water where it is given, on the same grid.
        body_resampled: the body mask on the same grid.
        atlas: the atlas's bones on the same grid, or an empty list.
        support: the percentage of registered maps that agree with the atlas at each voxel, or an empty list.
        volumes: the contrasts that the surface model uses, or an empty list.
        surface: the surface model, or an empty list.
        bone_table: the bones.
        corrected: the bones after all steps but the dilation, to write.
        dilated: the bones with their margin, to write.
        steps: projections of the labels after each step, to write.
        corrections: the changes of each step and the volumes of the bones, JSON, to write.
        contrasts: the volumes' names.
        settings: the section `bones.correction` of the config.
    """
    body = read_volume(body_resampled)
    raw_image = read_on_grid(raw_bones, body, "the raw bone map")
    raw = _labels(raw_image)
    if not raw.any():
        raise ScanStopped(
            "bones_found",
            "no voxel is labelled as bone, a skeleton was expected; look at the scan's bone sheet: is the water image "
            "whole and bright, are fat and water swapped, and are the network's scores on the validation scans good?",
        )
    bones = read_bones(bone_table)
    prior = None
    if atlas and support:
        atlas_bones = read_on_grid(atlas[0], body, "the atlas")
        agreement = read_on_grid(support[0], body, "the atlas's agreement")
        prior = (_labels(atlas_bones), _labels(agreement))
    scan = Scan(
        read_on_grid(water, body, "the water image"),
        body,
        prior,
        _surface_input(volumes, body_resampled, surface, bones, contrasts),
    )
    projections = summary.pictures(None, raw, body)
    changes: list[dict[str, Any]] = []
    before = result = margin = raw
    for step, outcome in correct(raw, scan, bones, settings):
        projections |= summary.pictures(step, outcome.labels, body)
        changes.append(summary.changes(step, before, outcome, scan.spacing))
        _log.info(
            "%s: %.1f ml changed; %s", step, changes[-1]["changed_ml"], "; ".join(outcome.messages) or "nothing to do"
        )
        before = margin = outcome.labels
        result = result if step == "dilation" else outcome.labels
    write_volume(with_voxels(result, body), corrected)
    write_volume(with_voxels(margin, body), dilated)
    with steps.open("wb") as file:  # `savez_compressed` would add a suffix to a file name
        np.savez_compressed(file, allow_pickle=False, **projections)
    stages = {"raw": raw, "corrected": result, "dilated": margin}
    report = {"steps": changes, "bones": summary.volumes(stages, bones, scan.spacing)}
    corrections.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _surface_input(
    volumes: list[Path], body: Path, surface: list[Path], bones: Sequence[Bone], contrasts: list[str]
) -> tuple[Body, SurfaceModel] | None:
    """The contrasts and the surface model; None without a model."""
    if not surface:
        return None
    projections = read_body(volumes, body)
    model = read_surface_model(surface[0], bones, contrasts, projections.spacing_mm)
    return (projections, model) if model else None


def _labels(image: sitk.Image) -> Labels:
    """The voxels as ids, `(z, y, x)`: a view, for which the image has to stay in memory."""
    return np.asarray(voxels(image)).astype(np.uint8, copy=False)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
