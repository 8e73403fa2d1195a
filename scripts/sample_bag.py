"""Rule sample_bag: cuts the patches of a scan where its bones are, and writes them as one bag.

docs/patches.md explains their selection and the columns.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.file import write_bags
from marrow.bags.patches.choice import Corners, choose
from marrow.bags.patches.cutting import Labels, cut, main_bones, shares
from marrow.bags.patches.place import affine_of, heights
from marrow.bags.patches.size import Size
from marrow.bones.table import Bone, mirrored_ids, read_bones
from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.volume import read_on_grid, read_volume, voxels

_log = logging.getLogger(__name__)
_STORED = np.float16
_LARGEST = float(np.finfo(_STORED).max)


def main(
    *,
    volumes: list[Path],
    bones: Path,
    lesions: list[Path],
    bone_table: Path,
    bag: Path,
    scan: str,
    patient: str,
    contrasts: list[str],
    settings: dict[str, Any],
) -> None:
    """Sample the bag of a scan.

    Args:
        volumes: a standardised volume per contrast, all on the scan's grid.
        bones: the dilated bones, a label map on the same grid.
        lesions: a mask on the same grid, or an empty list.
        bone_table: the bones, TSV.
        bag: the Parquet file to write.
        scan: the scan's id, and the bag's.
        patient: the id of the patient.
        contrasts: the volumes' names, in their order; they are the channels of a patch.
        settings: sizes and shares, see `marrow.bags.patches.size`; `height`, whether the height in the skeleton is an
            auxiliary task.
    """
    image = read_volume(bones)
    table = read_bones(bone_table)
    labels = _labels(image, table)
    size = Size.of(settings, image.GetSpacing())
    corners, bone_voxels = choose(labels > 0, size)
    if not len(corners):
        raise ScanStopped(
            "patches_found",
            f"no patch of {settings['patch_mm']:g} mm is bone by {settings['bone_share']:.0%}, of "
            f"{np.count_nonzero(labels)} voxels of bone in the scan; look at its bone sheet, or lower bone_share",
        )
    _log.info("%d patches of %d voxels of bone", len(corners), np.count_nonzero(labels))
    affine = affine_of(Grid.of(image))
    auxiliary: dict[str, npt.NDArray[Any]] = {"bone": main_bones(cut(labels, corners, size.edge), len(table)) - 1}
    if settings["height"]:
        auxiliary["height"] = heights(corners, size.edge, labels > 0, affine)
    sampled = Bag(
        bag=scan,
        patches=_patches(volumes, contrasts, image, corners, size),
        patient=patient,
        affine=affine,
        corners=corners,
        auxiliary=auxiliary,
        described={"bone_fraction": (bone_voxels / size.edge**3).astype(np.float32)},
        instance_label=_lesion_shares(lesions, image, corners, size),
    )
    layout = Layout(
        shape=sampled.patches.shape[1:],
        dtype=_STORED.__name__,
        margin=size.margin,
        channels=tuple(contrasts),
        spacing_mm=float(image.GetSpacing()[0]),
        tasks=tuple(_tasks(table, settings)),
        instance_label="share of lesion",
    )
    write_bags([sampled], layout, bag)


def _tasks(table: list[Bone], settings: dict[str, Any]) -> list[Task]:
    """Classes are the bones in the order of the table: class 0 is id 1, since no patch is background."""
    mirror = tuple(number - 1 for number in mirrored_ids(table)[1:])
    bone = Task("bone", tuple(bone.name for bone in table), mirror)
    return [bone, Task("height")] if settings["height"] else [bone]


def _labels(image: sitk.Image, table: list[Bone]) -> Labels:
    """The voxels as ids, `(z, y, x)`: a view, for which the image has to stay in memory."""
    labels = np.asarray(voxels(image)).astype(np.uint8, copy=False)
    if (highest := int(labels.max(initial=0))) > len(table):
        raise ScanStopped(
            "labels_known",
            f"the bones' map holds id {highest}, and the bone table ends at {len(table)}; correct the bones again "
            "with this table",
        )
    return labels


def _patches(
    volumes: list[Path], contrasts: list[str], bones: sitk.Image, corners: Corners, size: Size
) -> npt.NDArray[np.float16]:
    """(patches, contrasts, z, y, x), margins included; one volume is in memory at a time."""
    edge = size.edge + 2 * size.margin
    patches = np.empty((len(corners), len(volumes), edge, edge, edge), _STORED)
    for channel, (contrast, path) in enumerate(zip(contrasts, volumes, strict=True)):
        image = read_on_grid(path, bones, contrast)
        values = cut(voxels(image), corners, size.edge, size.margin)
        if (highest := max(float(values.max()), -float(values.min()))) > _LARGEST:
            raise ScanStopped(
                "patches_finite",
                f"{contrast} has the value {highest:g}, and a patch holds numbers up to {_LARGEST:g}; look at its "
                "quality sheet, or give a quantitative contrast in a larger unit",
            )
        patches[:, channel] = values
    return patches


def _lesion_shares(
    lesions: list[Path], bones: sitk.Image, corners: Corners, size: Size
) -> npt.NDArray[np.float32] | None:
    if not lesions:
        return None
    image = read_on_grid(lesions[0], bones, "the lesions' mask")
    return shares(np.greater(cut(voxels(image), corners, size.edge), 0))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
