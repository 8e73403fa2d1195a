"""Rule map_bones: the bones of a scan from label maps of other programs, on the scan's grid and with our ids.

It replaces the network if there are no annotated scans (`bones.source: precomputed`).
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

MOST_VALUES = 12


def main(*, maps: list[Path], mappings: list[Path], reference: Path, bone_table: Path, mapped: Path) -> None:
    """Resample label maps to the scan's grid, and convert their values to the ids of the bone table.

    Args:
        maps: label maps of the scan on any grid, whole numbers from 0 to 65535; a voxel gets the bone of the first map
            that has one there.
        mappings: a table for each map, as `marrow.bones.precomputed.mapping` reads it.
        reference: the body mask on the scan's grid.
        bone_table: the bones.
        mapped: the label map of bones to write.
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
    _log_absent(bones, tables, named)
    write_volume(with_voxels(named, body), mapped)


def _checked(path: Path, table: LabelMapping, body: sitk.Image, name: str) -> sitk.Image:
    """Read a label map; checks that its table lists all values, and that its bones are in the scan's body."""
    advice = "give the numbers that the program wrote"
    image = read_label_map(path, name, LARGEST_VALUE, advice)
    values = voxels(image)
    if unknown := unlisted(values, table):
        listed = ", ".join(map(str, unknown[:MOST_VALUES])) + (", ..." if len(unknown) > MOST_VALUES else "")
        raise ScanStopped(
            "labels_listed",
            f"{name}: the label map holds the values {listed}, which its mapping does not list; if it is the right "
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


def _log_absent(bones: Sequence[Bone], tables: Sequence[LabelMapping], named: Ids) -> None:
    """Log the bones that no table has, and those that a table has but no map."""
    known = {bone for table in tables for bone in table.bones}
    found_ids = set(np.unique(named).tolist())
    unnamed = [bone.name for bone in bones if bone.id not in known]
    without_voxels = [bone.name for bone in bones if bone.id in known - found_ids]
    if unnamed:
        _log.info("note: no mapping names %s, so no map can give them", ", ".join(unnamed))
    if without_voxels:
        _log.warning("no map has a voxel of %s on the scan's grid", ", ".join(without_voxels))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
