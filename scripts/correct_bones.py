"""Rule correct_bones: a label map of bones, mended step by step, and a margin around them.

docs/correction.md says what each step does.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.correction import summary as account
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
        water: the water image on the same grid.
        body_resampled: the body mask on the same grid.
        atlas: the atlas's bones on the same grid, or nothing.
        support: for the atlas, how many percent of the registered maps agree with it at each voxel.
        volumes: the contrasts that the model of the surface looks at, or nothing.
        surface: the model of the surface, or nothing.
        bone_table: the bones.
        corrected: where the bones after all steps but the dilation go.
        dilated: where the bones with their margin go.
        steps: where pictures of the labels after each step go.
        corrections: what each step changed and the volumes of bones, JSON.
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
        drawn = read_on_grid(atlas[0], body, "the atlas")
        agreed = read_on_grid(support[0], body, "the atlas's agreement")
        prior = (_labels(drawn), _labels(agreed))
    scan = Scan(
        read_on_grid(water, body, "the water image"),
        body,
        prior,
        _seen(volumes, body_resampled, surface, bones, contrasts),
    )
    seen = account.pictures(None, raw, body)
    done: list[dict[str, Any]] = []
    before = result = margin = raw
    for step, outcome in correct(raw, scan, bones, settings):
        seen |= account.pictures(step, outcome.labels, body)
        done.append(account.changes(step, before, outcome, scan.spacing))
        _log.info("%s: %.1f ml changed; %s", step, done[-1]["changed_ml"], "; ".join(outcome.said) or "nothing to do")
        before = margin = outcome.labels
        result = result if step == "dilation" else outcome.labels
    write_volume(with_voxels(result, body), corrected)
    write_volume(with_voxels(margin, body), dilated)
    with steps.open("wb") as file:  # a name would be given another suffix
        np.savez_compressed(file, allow_pickle=False, **seen)
    stages = {"raw": raw, "corrected": result, "dilated": margin}
    report = {"steps": done, "bones": account.volumes(stages, bones, scan.spacing)}
    corrections.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _seen(
    volumes: list[Path], body: Path, surface: list[Path], bones: Sequence[Bone], contrasts: list[str]
) -> tuple[Body, SurfaceModel] | None:
    """The contrasts with the model of the surface, where there is one."""
    if not surface:
        return None
    seen = read_body(volumes, body)
    model = read_surface_model(surface[0], bones, contrasts, seen.spacing_mm)
    return (seen, model) if model else None


def _labels(image: sitk.Image) -> Labels:
    """The voxels as ids, `(z, y, x)`; a view: the image has to stay."""
    return np.asarray(voxels(image)).astype(np.uint8, copy=False)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
