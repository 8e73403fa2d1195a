"""Rule resample_labels: resamples a label map of a scan (bones or lesions) to the scan's grid by nearest neighbour.

Nearest neighbour does not mix labels. Each new voxel gets the label at its centre, so that structures thinner than a
voxel may vanish; the log then has a warning.
"""

import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from marrow.bones.table import read_bones
from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid, resample_nearest
from marrow.imaging.label_map import check_in_body, read_label_map
from marrow.imaging.volume import read_volume, voxels, write_volume

_log = logging.getLogger(__name__)


def main(*, labels: list[Path], reference: Path, bone_table: Path, resampled_labels: Path, kind: str) -> None:
    """Resample a label map.

    Args:
        labels: one label map, whole numbers from 0 to 255.
        reference: the body mask on the scan's grid.
        bone_table: the bones, with the ids that are allowed in a map of bones.
        resampled_labels: the map to write.
        kind: `bones` or `lesions`; a map of bones cannot be empty.
    """
    if len(labels) != 1:
        raise ScanStopped("labels_readable", f"{kind}: {len(labels)} label maps were given; merge them into one file")
    source = read_label_map(labels[0], kind, advice="give the ids of the bones (or of the lesions)")
    if kind == "bones":
        _check_ids(source, bone_table)
    body = read_volume(reference)
    _check_position(source, body, kind)
    result = resample_nearest(source, Grid.of(body))
    vanished = np.setdiff1d(np.unique(voxels(source)), np.unique(voxels(result)))
    if vanished.size:
        _log.warning(
            "%s: labels %s are in the label map but not on the scan's grid: too small for its voxels, or outside of it",
            kind,
            vanished.tolist(),
        )
    write_volume(result, resampled_labels)


def _check_ids(labels: sitk.Image, bone_table: Path) -> None:
    """Stop the scan if a label is not in the bone table."""
    known = [0, *(bone.id for bone in read_bones(bone_table))]
    unknown = np.setdiff1d(np.unique(voxels(labels)), known)
    if unknown.size:
        raise ScanStopped(
            "labels_known",
            f"bones: the label map holds {', '.join(map(str, unknown.tolist()))}, which the bone table lacks (its ids "
            f"are 1 to {known[-1]}); correct the map, or name a table with these bones as bone_table; a map of another "
            "program is read with bones.source: precomputed",
        )


def _check_position(labels: sitk.Image, body: sitk.Image, kind: str) -> None:
    """Stop the scan if a map of bones is empty, or if the labels are outside the body."""
    values = voxels(labels)
    if values.any():
        check_in_body(values, Grid.of(labels), body, kind)
    elif kind == "bones":
        raise ScanStopped("labels_empty", "bones: the label map labels nothing; give another or leave the cell empty")


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
