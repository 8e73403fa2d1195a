"""Label maps as other programs and people give them: whole numbers of any type, which must lie in a scan's body."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.volume import read_volume, voxels, with_voxels

# Body masks and fields of view cut off a limb now and then; a map that lies mostly outside belongs somewhere else.
LEAST_SHARE_INSIDE = 0.5


def read_label_map(path: Path, name: str, most: int = 255, advice: str = "") -> sitk.Image:
    """A label map, as uint8 where `most` allows it, else as uint16.

    Args:
        path: a file that need not be a label map at all.
        name: what a message calls it; never a path, which may hold a patient's name.
        most: the largest value that it may hold, at most 65535.
        advice: what a message tells to give instead of values that are no labels.

    Raises:
        ScanStopped: it cannot be read, is not three-dimensional, or holds other values than 0, 1, ..., `most`.
    """
    try:
        dimensions = len(Grid.in_file(path).size)
        image = read_volume(path) if dimensions == 3 else None  # SimpleITK converts no others
    except RuntimeError:  # its text holds the path
        raise ScanStopped(
            "labels_readable",
            f"{name}: the label map cannot be read; check that it is a complete NIfTI file with valid spacing",
        ) from None
    if image is None:
        raise ScanStopped("labels_readable", f"{name}: the label map has {dimensions} dimensions; give it 3")
    values = voxels(image)
    wanted = np.uint8 if most <= 255 else np.uint16
    if values.dtype == wanted:
        return image
    whole = values.astype(wanted, casting="unsafe") if _all_within(values, most) else None
    if whole is None or not np.array_equal(whole, values):
        raise ScanStopped(
            "labels_whole",
            f"{name}: the label map holds values other than whole numbers from 0 to {most}; "
            f"{advice or 'give one label to each voxel'}, resampled by nearest neighbour if at all",
        )
    return with_voxels(whole, image)


def check_in_body(labelled: npt.NDArray[np.generic], grid: Grid, body: sitk.Image, name: str) -> None:
    """Stop the scan if the labelled voxels are not where its body is.

    Args:
        labelled: (z, y, x), not zero where something is labelled, at one voxel at least.
        grid: where these voxels lie.
        body: the body mask of the scan, on any grid.
        name: what a message calls the label map.

    Raises:
        ScanStopped: most labelled voxels lie outside of the body.
    """
    indices = np.argwhere(labelled)[:, ::-1]
    points = grid.points(indices)
    place = Grid.of(body)
    nearest = np.rint(place.indices(points[place.contains(points)])).astype(np.intp)
    x, y, z = np.clip(nearest, 0, np.array(place.size) - 1).T
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
