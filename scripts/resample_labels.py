"""Rule resample_labels: a label map of a scan (its bones or its lesions) on the scan's grid, by nearest neighbour.

Nearest neighbour mixes no labels. It keeps the label at the centre of each new voxel, so a structure thinner than a
voxel may vanish where voxels grow; that is told.
"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.errors import ScanStopped
from marrow.grid import Grid, resample_nearest
from marrow.volume import read_volume, voxels, with_voxels, write_volume

_log = logging.getLogger(__name__)

# Body masks and fields of view cut off a limb now and then; a map that lies mostly outside belongs somewhere else.
LEAST_SHARE_INSIDE = 0.5


def main(*, labels: list[Path], reference: Path, resampled_labels: Path, kind: str) -> None:
    """Resample a label map.

    Args:
        labels: one label map, whole numbers from 0 to 255.
        reference: the body mask on the scan's grid.
        resampled_labels: where the map goes.
        kind: `bones` or `lesions`; a map of bones cannot be empty.
    """
    source = _read_labels(labels, kind)
    body = read_volume(reference)
    _check_place(source, body, kind)
    result = resample_nearest(source, Grid.of(body))
    lost = np.setdiff1d(np.unique(voxels(source)), np.unique(voxels(result)))
    if lost.size:
        _log.warning(
            "%s: labels %s are in the label map but not on the scan's grid: too small for its voxels, or outside of it",
            kind,
            lost.tolist(),
        )
    write_volume(result, resampled_labels)


def _read_labels(paths: list[Path], kind: str) -> sitk.Image:
    if len(paths) != 1:
        raise ScanStopped("labels_readable", f"{kind}: {len(paths)} label maps were given; merge them into one file")
    try:
        image = read_volume(paths[0])
    except RuntimeError:  # its text holds the path
        raise ScanStopped(
            "labels_readable",
            f"{kind}: the label map cannot be read; check that it is a complete NIfTI file with valid spacing",
        ) from None
    if image.GetDimension() != 3:
        raise ScanStopped("labels_readable", f"{kind}: the label map has {image.GetDimension()} dimensions; give it 3")
    values = voxels(image)
    if values.dtype == np.uint8:
        return image
    whole = values.astype(np.uint8, casting="unsafe") if _all_within(values) else None
    if whole is None or not np.array_equal(whole, values):
        raise ScanStopped(
            "labels_whole",
            f"{kind}: the label map holds values other than whole numbers from 0 to 255; "
            "give the ids of the bones (or of the lesions), resampled by nearest neighbour if at all",
        )
    return with_voxels(whole, image)


def _all_within(values: npt.NDArray[np.generic]) -> bool:
    return bool(values.min() >= 0 and values.max() <= 255)  # false where a value is NaN


def _check_place(labels: sitk.Image, body: sitk.Image, kind: str) -> None:
    """Stop the scan if the labelled voxels are not where its body is.

    Raises:
        ScanStopped: nothing is labelled as bone, or most labelled voxels lie outside of the body.
    """
    labelled = np.argwhere(voxels(labels))[:, ::-1]
    if not len(labelled):
        if kind == "bones":
            raise ScanStopped(
                "labels_empty", "bones: the label map labels nothing; give another or leave the cell empty"
            )
        return
    points = Grid.of(labels).points(labelled)
    grid = Grid.of(body)
    nearest = np.rint(grid.indices(points[grid.contains(points)])).astype(np.intp)
    x, y, z = np.clip(nearest, 0, np.array(grid.size) - 1).T
    share = np.count_nonzero(voxels(body)[z, y, x]) / len(labelled)
    if share < LEAST_SHARE_INSIDE:
        raise ScanStopped(
            "labels_in_place",
            f"{kind}: {share:.0%} of the labelled voxels lie in the scan's body, at least {LEAST_SHARE_INSIDE:.0%} "
            "were expected; the label map is of another scan, or its header lost origin and direction: export it again "
            "with the geometry of the image it was drawn on",
        )


if __name__ == "__main__":
    from marrow.stage import run

    run(main)
