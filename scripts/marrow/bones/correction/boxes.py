"""Boxes about the bones: a whole-body volume is large, and a bone is a small part of it."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.correction.outcome import Labels, Mask, Spacing

Box = tuple[slice, slice, slice]

# Voxels that touch at a corner belong together: thin, slanted bones hang together by corners on a coarse grid.
TOUCHING: Mask = np.ones((3, 3, 3), bool)
# Faces alone: what encloses a cavity has no such way through.
FACES: Mask = np.asarray(ndimage.generate_binary_structure(3, 1), bool)


def boxes(labels: Labels) -> dict[int, Box]:
    """The smallest box about each id that occurs in labels `(z, y, x)`."""
    found = ndimage.find_objects(labels)
    return {number: box for number, box in enumerate(found, start=1) if box is not None}


def joined(some: Iterable[Box | None]) -> Box | None:
    """The smallest box about several boxes; nothing if there is none."""
    there = [box for box in some if box is not None]
    if not there:
        return None
    z, y, x = (slice(min(box[axis].start for box in there), max(box[axis].stop for box in there)) for axis in range(3))
    return z, y, x


def widened(box: Box, margin_mm: float, spacing: Spacing, shape: tuple[int, ...]) -> Box:
    """A box with a margin on all sides, within an array of `shape`."""
    by = [int(np.ceil(margin_mm / step)) + 1 for step in spacing]
    z, y, x = (
        slice(max(side.start - more, 0), min(side.stop + more, count))
        for side, more, count in zip(box, by, shape, strict=True)
    )
    return z, y, x


def components(mask: Mask, neighbours: Mask = TOUCHING) -> tuple[npt.NDArray[np.intc], int]:
    """Numbered connected parts of a mask `(z, y, x)`, 0 outside of it, and how many there are."""
    numbers = np.zeros(mask.shape, np.intc)
    count = ndimage.label(mask, neighbours, output=numbers)
    return numbers, int(cast("int", count))
