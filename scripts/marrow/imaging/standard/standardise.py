"""An image on the standard scale: landmarks found inside the body, moved to the scale, everything outside it 0.

The result comes slab by slab, so that it can be written while it is in the processor's cache and no second volume is
held in memory.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from marrow.imaging.standard.landmarks import find_landmarks
from marrow.imaging.standard.piecewise_linear import PiecewiseLinear
from marrow.imaging.standard.standard_scale import StandardScale

Volume = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Slices at a time; a slab of a whole-body scan at 2 mm has 3 MB.
SLICES = 16


def standardise(volume: Volume, body: Mask, standard: StandardScale) -> Volume:
    """`standardised_slabs` in one array (z, y, x)."""
    result = np.empty(volume.shape, dtype=np.float32)
    for part, slab in zip(_parts(volume), standardised_slabs(volume, body, standard), strict=True):
        result[part] = slab
    return result


def standardised_slabs(volume: Volume, body: Mask, standard: StandardScale) -> Iterable[Volume]:
    """A volume (z, y, x) on the standard scale, as slabs (slices, y, x) from the first slice to the last.

    It is 0 outside the body and where the intensity is not finite.

    Raises:
        ScanStopped: the body is empty or the image constant in it.
    """
    landmarks = find_landmarks(volume, body, standard.percentiles)
    return body_slabs(volume, body, PiecewiseLinear.through(landmarks, standard.values))


def body_slabs(volume: Volume, body: Mask, line: PiecewiseLinear | None = None) -> Iterator[Volume]:
    """A volume as slabs (slices, y, x), moved along a line in the body, and 0 outside it and where it is not finite."""
    for part in _parts(volume):
        values = volume[part][body[part]]
        moved = line(values) if line else values
        finite = np.isfinite(values)
        slab = np.zeros(body[part].shape, dtype=np.float32)
        slab[body[part]] = moved if finite.all() else np.where(finite, moved, np.float32(0))
        yield slab


def _parts(volume: Volume) -> Iterator[slice]:
    return (slice(first, first + SLICES) for first in range(0, len(volume), SLICES))
