"""Rule learn_surface: trains the model of the bones' surface on the annotated training scans."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from marrow.bones.correction.outcome import Labels
from marrow.bones.segmentation.prepare import read_body
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.model import SurfaceModel
from marrow.bones.surface.training import MOST_VOXELS, VOXELS_PER_SCAN, Examples, concatenated, examples, train
from marrow.bones.table import read_bones
from marrow.imaging.volume import read_on_grid, read_volume, voxels

_log = logging.getLogger(__name__)


def main(
    *,
    volumes: list[Path],
    bodies: list[Path],
    raw_bones: list[Path],
    atlases: list[Path],
    supports: list[Path],
    annotations: list[Path],
    bone_table: Path,
    surface: Path,
    contrasts: list[str],
    roles: list[str],
    settings: dict[str, Any],
    threads: int,
) -> None:
    """Train the surface model; writes an empty file if every scan was stopped.

    Args:
        volumes: the contrasts of the annotated training scans, grouped by scan.
        bodies: the body mask of each.
        raw_bones: the bones of each before correction.
        atlases: the atlas's bones registered to each.
        supports: the agreement on them, in percent.
        annotations: the true bones of each.
        bone_table: the bones.
        surface: the model to write.
        contrasts: the volumes' names.
        roles: what they are for; synthetic lesions have a signal in fat and water.
        settings: the section `bones.correction.surface` of the config.
        threads: of the processor.
    """
    torch.set_num_threads(threads)
    bones = read_bones(bone_table)
    count = min(VOXELS_PER_SCAN, MOST_VOXELS // max(1, len(bodies)))
    of_scans: list[Examples] = []
    spacing_mm = 0.0
    for index, files in enumerate(zip(bodies, raw_bones, atlases, supports, annotations, strict=True)):
        contrast_files = volumes[index * len(contrasts) : (index + 1) * len(contrasts)]
        if not all(path.stat().st_size for path in (*contrast_files, *files)):
            _log.warning("scan %d of %d was stopped and is left out", index + 1, len(bodies))
            continue
        surroundings, annotation = _scan(contrast_files, files)
        spacing_mm = surroundings.body.spacing_mm
        of_scans.append(examples(surroundings, annotation, bones, roles, float(settings["reach_mm"]), count))
    if not of_scans:
        _log.warning("nothing to learn from: the step `surface` of the correction will change nothing")
        surface.touch()
        return
    training_set = concatenated(of_scans)
    names = tuple(bone.name for bone in bones)
    model = SurfaceModel(train(training_set), names, tuple(contrasts), spacing_mm)
    share = np.mean((model.logits(training_set.features) > 0) == training_set.is_bone)
    count = len(training_set.is_bone)
    _log.info("%d voxels of %d scans, %.1f%% classified correctly", count, len(of_scans), 100 * share)
    model.write(surface)


def _scan(volumes: list[Path], files: tuple[Path, ...]) -> tuple[Surroundings, Labels]:
    """The input of the step `surface` for a scan, and the annotation on the box of the body."""
    body = read_body(volumes, files[0])
    raw, atlas, support, annotation = (_on_box(path, files[0], body.box) for path in files[1:])
    edge = body.spacing_mm
    return Surroundings(body, raw, atlas, support, (edge, edge, edge)), annotation


def _on_box(path: Path, reference: Path, box: tuple[slice, slice, slice]) -> Labels:
    image = read_on_grid(path, read_volume(reference), path.name)
    return np.array(voxels(image)[box], np.uint8)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
