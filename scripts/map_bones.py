"""Rule map_bones: the bones of a scan from label maps that other programs made, on the scan's grid and in our ids.

It stands in for the network where that has nothing to learn from (`bones.source: precomputed`).
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from marrow.bones.precomputed.mapping import LARGEST_VALUE, LabelMapping, read_mapping
from marrow.bones.precomputed.naming import Ids, bone_voxels, name_bones, unlisted
from marrow.bones.table import Bone, read_bones
from marrow.errors import ConfigError, ScanStopped
from marrow.imaging.grid import Grid, resample_nearest
from marrow.imaging.label_map import check_in_body, read_label_map
from marrow.imaging.volume import read_volume, voxels, with_voxels, write_volume

_log = logging.getLogger(__name__)

MOST_TOLD = 12


def main(*, maps: list[Path], mappings: list[Path], reference: Path, bone_table: Path, mapped: Path) -> None:
    """Bring label maps onto the scan's grid and into the ids of the bone table.

    Args:
        maps: label maps of the scan on any grid, whole numbers from 0 to 65535; the first that names a bone at a voxel
            wins.
        mappings: a table for each map, as `marrow.bones.precomputed.mapping` reads it.
        reference: the body mask on the scan's grid.
        bone_table: the bones that Marrow tells apart.
        mapped: where the bones go.
    """
    if not maps or len(maps) != len(mappings):
        raise ConfigError(f"{len(maps)} label maps and {len(mappings)} mappings were given; give each map its own.")
    bones = read_bones(bone_table)
    tables = [read_mapping(path, bones) for path in mappings]
    body = read_volume(reference)
    grid = Grid.of(body)
    named: Ids = np.zeros(grid.size[::-1], dtype=np.uint8)
    for number, (path, table) in enumerate(zip(maps, tables, strict=True), start=1):
        name = f"map {number} of {len(maps)} ({table.name})"
        resampled = resample_nearest(_checked(path, table, body, name), grid)
        named = name_bones(voxels(resampled), grid, table, named, name)
    _tell_absent(bones, tables, named)
    write_volume(with_voxels(named, body), mapped)


def _checked(path: Path, table: LabelMapping, body: sitk.Image, name: str) -> sitk.Image:
    """A label map whose values are all listed and whose bones lie in the scan's body."""
    advice = "give the numbers that the program wrote"
    image = read_label_map(path, name, LARGEST_VALUE, advice)
    values = voxels(image)
    if unknown := unlisted(values, table):
        told = ", ".join(map(str, unknown[:MOST_TOLD])) + (", ..." if len(unknown) > MOST_TOLD else "")
        raise ScanStopped(
            "labels_listed",
            f"{name}: the label map holds the values {told}, which its mapping does not list; if it is the right "
            "mapping, copy it, add a row for each of them (value, class, and bone, empty for what is none), and name "
            "the copy as bones.precomputed.maps.mapping",
        )
    labelled = bone_voxels(values, table)
    if not labelled.any():
        raise ScanStopped(
            "labels_empty", f"{name}: the label map has no voxel of our bones; give another, or check its mapping"
        )
    check_in_body(labelled, Grid.of(image), body, name)
    return image


def _tell_absent(bones: Sequence[Bone], tables: Sequence[LabelMapping], named: Ids) -> None:
    """Note which of our bones no table names, and which are named but were not found."""
    known = {bone for table in tables for bone in table.bones}
    held = set(np.unique(named).tolist())
    unnamed = [bone.name for bone in bones if bone.id not in known]
    unfound = [bone.name for bone in bones if bone.id in known - held]
    if unnamed:
        _log.info("note: no mapping names %s, so no map can give them", ", ".join(unnamed))
    if unfound:
        _log.warning("no map has a voxel of %s on the scan's grid", ", ".join(unfound))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
