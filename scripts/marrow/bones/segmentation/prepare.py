"""The input of the network: the contrasts of a scan inside the body, each with mean 0 and standard deviation 1 there.

Mean and deviation are those of the voxels between the 5th and the 95th percentile of the body, so that a few very
bright voxels have no effect. They are computed for each scan: a standard fitted on a cohort changes when the cohort
grows, and every segmentation would become stale. Outside the body and outside the image all voxels have one constant
value, so that air and the table have no effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from marrow.errors import ScanStopped
from marrow.imaging.volume import read_on_grid, read_volume, voxels

Image = npt.NDArray[np.float16]
Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Box = tuple[slice, slice, slice]

AIR = -3.0
LIMIT = 6.0
PERCENTILES = (5.0, 95.0)


@dataclass(frozen=True)
class Body:
    """The network's input of a scan, cropped to the box around the body: `(channels, z, y, x)`, and where the body is.

    `box` is its position in the whole scan, whose shape is `shape`.
    """

    image: Image
    mask: Mask
    box: Box
    shape: tuple[int, ...]
    spacing_mm: float


def read_body(volumes: Sequence[Path], body: Path) -> Body:
    """Read the contrasts of a scan, one file each, and its body mask.

    Raises:
        ScanStopped: they are not on one grid, or there is no body.
    """
    mask_image = read_volume(body)
    mask = np.greater(voxels(mask_image), 0)
    if not mask.any():
        raise ScanStopped("body_mask", "the body mask is empty; look at the water image")
    box = bounding_box(mask)
    image = np.empty((len(volumes), *mask[box].shape), np.float16)
    for channel, path in enumerate(volumes):
        volume = read_on_grid(path, mask_image, f"contrast {channel + 1}")
        image[channel] = standard_score(np.asarray(voxels(volume)[box], np.float32), mask[box])
    return Body(image, mask[box], box, mask.shape, float(mask_image.GetSpacing()[0]))


def standard_score(volume: npt.NDArray[np.float32], mask: Mask) -> npt.NDArray[np.float32]:
    """Intensities `(z, y, x)` with mean 0 and standard deviation 1 inside the body, `AIR` outside."""
    inside = volume[mask]
    low, high = np.percentile(inside, PERCENTILES)
    typical = inside[(inside >= low) & (inside <= high)]
    deviation = float(typical.std()) or 1.0
    score = np.clip((inside - typical.mean()) / deviation, -LIMIT, LIMIT)
    result = np.full(volume.shape, AIR, np.float32)
    result[mask] = score
    return result


def bounding_box(mask: Mask) -> Box:
    """The bounding box `(z, y, x)` of a mask that is not empty."""
    ranges = (np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    z, y, x = (slice(int(indices[0]), int(indices[-1]) + 1) for indices in ranges)
    return z, y, x
