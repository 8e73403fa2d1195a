"""Faults of real scans that can be added to a simulated one.

- swapped_fat_water: fat and water images are exchanged, as by a failed Dixon reconstruction;
- missing_station: one contrast (the last) lacks a station in the middle;
- wrong_orientation: headers declare the long axis of the body as the front-to-back axis;
- truncated_file: the last file of the last contrast ends in the middle;
- nan: a block of one water station holds NaN;
- constant: every station of the last contrast has one value.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from marrow.imaging.volume import voxels, with_voxels

Stations = dict[str, list[sitk.Image]]
# Rotation of the body's long axis onto the front-to-back axis.
_LONG_AXIS_TO_BACK = ((1, 0, 0), (0, 0, -1), (0, 1, 0))


def with_fault(fault: str, stations: Mapping[str, Sequence[sitk.Image]]) -> Stations:
    """The stations of every contrast with a fault added."""
    result = {contrast: list(images) for contrast, images in stations.items()}
    last = list(result)[-1]
    if fault == "swapped_fat_water" and {"fat", "water"} <= result.keys():
        result["fat"], result["water"] = result["water"], result["fat"]
    elif fault == "missing_station":
        del result[last][len(result[last]) // 2]
    elif fault == "wrong_orientation":
        result = {contrast: [_with_wrong_orientation(image) for image in images] for contrast, images in result.items()}
    elif fault == "nan":
        contrast = "water" if "water" in result else last
        result[contrast][0] = _with_nan(result[contrast][0])
    elif fault == "constant":
        result[last] = [with_voxels(np.full_like(voxels(image), 100), image) for image in result[last]]
    return result


def truncate_last(folder: Path, keep: float = 0.6) -> None:
    """Truncate the last file of a folder."""
    path = sorted(folder.iterdir())[-1]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def _with_wrong_orientation(image: sitk.Image) -> sitk.Image:
    turned = sitk.Image(image)
    rotation = np.asarray(_LONG_AXIS_TO_BACK, float)
    direction = rotation @ np.asarray(image.GetDirection()).reshape(3, 3)
    turned.SetDirection([float(value) for value in direction.ravel()])
    turned.SetOrigin([float(value) for value in rotation @ np.asarray(image.GetOrigin())])
    return turned


def _with_nan(image: sitk.Image) -> sitk.Image:
    values = voxels(image).astype(np.float32)
    middle = tuple(slice(n // 2 - n // 10, n // 2 + n // 10) for n in values.shape)
    values[middle] = np.nan
    return with_voxels(values, image)
