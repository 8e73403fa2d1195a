"""Label maps from other programs or people: checks that they hold whole numbers and lie in the body of the scan."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.volume import read_volume, voxels, with_voxels

# Body masks and fields of view may cut off a limb; a map mostly outside the body belongs to another scan.
LEAST_SHARE_INSIDE = 0.5


def read_label_map(path: Path, name: str, most: int = 255, advice: str = "") -> sitk.Image:
    """Read a label map of 0 to `most`, as uint8 if that is at most 255, otherwise as uint16.

    `name` stands in messages instead of the path, which may contain a patient's name; `advice` says there what to give
    instead of values that are not labels.

    Raises:
        ScanStopped: it cannot be read, is not three-dimensional, or holds values other than 0, 1, ..., `most`.
    """
    if path.suffix.lower() in {".nhdr", ".mhd"}:  # whether it is stale would be decided without its data
        raise ScanStopped(
            "labels_readable", f"{name}: a header whose data is in another file; save the map as one (.nrrd, .mha)"
        )
    try:
        dimensions = len(Grid.in_file(path).size)
        image = read_volume(path) if dimensions == 3 else None  # SimpleITK converts no others
    except RuntimeError:  # its text holds the path
        raise ScanStopped(
            "labels_readable",
            f"{name}: the label map cannot be read; check that it is a complete file (.nii.gz, .nrrd, .mha) with "
            "valid spacing",
        ) from None
    if image is None:
        raise ScanStopped("labels_readable", f"{name}: the label map has {dimensions} dimensions; give it 3")
    values = voxels(image)
    dtype = np.uint8 if most <= 255 else np.uint16
    if values.dtype == dtype:
        return image
    whole = values.astype(dtype, casting="unsafe") if _all_within(values, most) else None
    if whole is None or not np.array_equal(whole, values):
        raise ScanStopped(
            "labels_whole",
            f"{name}: the label map holds values other than whole numbers from 0 to {most}; "
            f"{advice or 'give one label to each voxel'}, resampled by nearest neighbour if at all",
        )
    return with_voxels(whole, image)


def check_in_body(labelled: npt.NDArray[np.generic], grid: Grid, body: sitk.Image, name: str) -> None:
    """Stop the scan if the voxels of `labelled` (z, y, x) that are not zero, at least one, are not inside its body.

    Raises:
        ScanStopped: most labelled voxels are outside the body.
    """
    indices = np.argwhere(labelled)[:, ::-1]
    points = grid.points(indices)
    body_grid = Grid.of(body)
    nearest = np.rint(body_grid.indices(points[body_grid.contains(points)])).astype(np.intp)
    x, y, z = np.clip(nearest, 0, np.array(body_grid.size) - 1).T
    share = np.count_nonzero(voxels(body)[z, y, x]) / len(indices)
    if share < LEAST_SHARE_INSIDE:
        raise ScanStopped(
            "labels_in_place",
            f"{name}: {share:.0%} of the labelled voxels lie in the scan's body, at least {LEAST_SHARE_INSIDE:.0%} "
            "were expected; the label map is of another scan, or its header lost origin and direction: export it again "
            "with the geometry of the image it was drawn on",
        )


def _all_within(values: npt.NDArray[np.generic], most: int) -> bool:
    return bool(values.min() >= 0 and values.max() <= most)  # false where a value is NaN
