"""Coronal slices and projections of a whole-body volume, in radiological orientation.

Volumes are arrays `(z, y, x)` in LPS orientation: x grows to the patient's left, y to the back, z to the head. A
picture has the head in its first row and the patient's right side in its first column: on the viewer's left.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

Volume = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.float32]


def slice_at(body: Mask, depth: float) -> int:
    """The coronal slice with a share of `depth` of the body's voxels in front of it; 0.5 is the middle of the body.

    The middle of the grid would not do, since part of the grid shows the table.
    """
    per_slice = np.count_nonzero(body, axis=(0, 2))
    cumulative = np.cumsum(per_slice)
    return int(np.searchsorted(cumulative, cumulative[-1] * depth))


def coronal_slice(volume: Volume, y: int) -> Picture:
    """One coronal slice, `(z, x)` with the head first; values that are not finite become NaN."""
    picture = volume[::-1, y, :].astype(np.float32)
    return np.where(np.isfinite(picture), picture, np.float32(np.nan))


def coronal_projection(volume: Volume, body: Mask, method: Literal["maximum", "mean"]) -> Picture:
    """The maximum or the mean of the body's voxels from front to back, `(z, x)` with the head first.

    Voxels that are not finite are ignored; rays without a voxel of the body give NaN.
    """
    included: Mask = body & np.isfinite(volume)
    if method == "maximum":
        picture = np.max(volume, axis=1, where=included, initial=-np.inf)
    else:
        picture = np.sum(volume, axis=1, where=included, dtype=np.float64)
        picture = picture / np.maximum(np.count_nonzero(included, axis=1), 1)
    return np.where(np.any(included, axis=1), picture, np.nan)[::-1].astype(np.float32)


def coronal_shadow(body: Mask) -> Mask:
    """Where a ray from front to back meets the body, `(z, x)` with the head first."""
    shadow: Mask = np.any(body, axis=1)
    return shadow[::-1]
