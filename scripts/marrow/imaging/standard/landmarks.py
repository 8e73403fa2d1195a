"""The landmarks of an image: percentiles of its intensities inside the body.

Nyul, Udupa and Zhang, "New variants of a method of MRI scale standardization" (IEEE TMI 2000), section II. The values
are those of `numpy.percentile` (method "linear") to the last bit; one sort of the voxels gives them all, in a fraction
of the time that numpy's repeated partitions take.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from marrow.errors import ScanStopped

FloatT = TypeVar("FloatT", bound=np.floating)


def find_landmarks(
    volume: npt.NDArray[np.floating],
    body: npt.NDArray[np.bool_],
    percentiles: Sequence[float] | npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Percentiles, ascending, of those intensities of the body that are finite: (landmarks,); neighbours may coincide.

    Raises:
        ScanStopped: no value is finite, or the outer landmarks coincide: the image is constant, or nearly.
    """
    ordered = volume[body]
    ordered.sort()
    ordered = _finite(ordered)
    if not ordered.size:
        raise ScanStopped(
            "empty_body", "no voxel of the body has a finite intensity; look at the image and the body mask"
        )
    landmarks = _percentiles(ordered, np.asarray(percentiles, dtype=np.float64))
    if landmarks[0] == landmarks[-1]:
        raise ScanStopped(
            "constant_volume",
            f"percentiles {percentiles[0]:g} to {percentiles[-1]:g} of the body are all {landmarks[0]:g}, so there is "
            "no scale to standardise; check that the image is not empty, clipped or rescaled to a few grey values",
        )
    return landmarks


def _finite(ordered: npt.NDArray[FloatT]) -> npt.NDArray[FloatT]:
    """Sorted values without the infinities at either end and the NaNs, which numpy sorts last."""
    infinity = ordered.dtype.type(np.inf)  # of the same type, or numpy converts all values first
    first = np.searchsorted(ordered, -infinity, side="right")
    last = np.searchsorted(ordered, infinity, side="left")
    return ordered[first:last]


def _percentiles(ordered: npt.NDArray[np.floating], percentiles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    position = percentiles / 100 * (ordered.size - 1)
    below = np.floor(position).astype(np.intp)
    share = position - below
    low, high = ordered[below], ordered[np.minimum(below + 1, ordered.size - 1)]
    gap = high - low
    # numpy measures from the nearer end, so that a full share gives exactly the upper value
    return np.where(share < 0.5, low + gap * share, high - gap * (1 - share))
