"""Bounding boxes and components of bones: a bone is a small part of a whole-body volume."""

from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.correction.outcome import Labels, Mask, Spacing

Box = tuple[slice, slice, slice]

# Neighbours by corners too: thin, slanted bones are connected by corners only on a coarse grid.
TOUCHING: Mask = np.ones((3, 3, 3), bool)
# Neighbours by faces only: a cavity enclosed by voxels that touch at corners stays closed.
FACES: Mask = np.asarray(ndimage.generate_binary_structure(3, 1), bool)


def boxes(labels: Labels) -> dict[int, Box]:
    """The bounding box of each id in labels `(z, y, x)`."""
    slices = ndimage.find_objects(labels)
    return {number: box for number, box in enumerate(slices, start=1) if box is not None}


def union(first: Box, *others: Box | None) -> Box:
    """The bounding box of a box and others, where there are any."""
    present = [first, *(box for box in others if box is not None)]
    z, y, x = (
        slice(min(box[axis].start for box in present), max(box[axis].stop for box in present)) for axis in range(3)
    )
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
    """The numbered connected components of a mask `(z, y, x)`, 0 outside of it, and their number."""
    numbers = np.zeros(mask.shape, np.intc)
    count = ndimage.label(mask, neighbours, output=numbers)
    return numbers, int(cast("int", count))
