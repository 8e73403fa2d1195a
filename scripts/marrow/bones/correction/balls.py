"""Growing, shrinking, closing and opening of a mask by a distance in millimetres, on voxels of any size.

A ball is the list of steps from a voxel to the voxels within the distance, nearest first. Only voxels at a surface are
moved by these steps, which is many times faster than a distance map of the whole box for the few millimetres needed
here. A distance less than a voxel gives a ball of the voxel alone: nothing grows.
"""

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.outcome import Mask, Spacing

# Millimetres by which a header's rounding may make a voxel larger than it says.
_ROUNDING_MM = 1e-3

# Voxels of the radius that a ball has at most when a mask is grown.
_LARGEST_BALL = 3


def ball(mm: float, spacing: Spacing) -> npt.NDArray[np.intp]:
    """Steps (steps, 3) to all voxels within a distance, nearest first, the voxel itself left out."""
    reach = [int((mm + _ROUNDING_MM) / step) for step in spacing]
    axes = [np.arange(-most, most + 1) for most in reach]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    away = np.linalg.norm(steps * np.asarray(spacing), axis=1)
    order = np.argsort(away, kind="stable")
    return steps[order][(away[order] > 0) & (away[order] <= mm + _ROUNDING_MM)]


def surface(mask: Mask) -> Mask:
    """The voxels of a mask `(z, y, x)` with a neighbour, face to face, outside of it; the edge of the array is no end.

    The voxel of a mask that is nearest to a voxel outside of it is always one of these.
    """
    inner = mask.copy()
    for axis in range(3):
        ahead, behind = _along(axis, slice(1, None)), _along(axis, slice(None, -1))
        inner[behind] &= mask[ahead]
        inner[ahead] &= mask[behind]
    return mask & ~inner


def grown(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """A mask with everything within a distance of it.

    A ball of many voxels is made of smaller ones, one after the other: eight times fewer steps for twice the radius.
    What is grown so may fall short of the distance, by less than a voxel, and never exceeds it.
    """
    part = _LARGEST_BALL * max(spacing)
    if mm > part + _ROUNDING_MM:
        return grown(grown(mask, part, spacing), mm - part, spacing)
    steps = ball(mm, spacing)
    if not len(steps):
        return mask.copy()
    reach = np.abs(steps).max(axis=0)
    padded = np.pad(mask, [(int(most), int(most)) for most in reach])
    flat = padded.reshape(-1)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    start = np.argwhere(surface(mask)) + reach
    places = start @ strides
    for move in steps @ strides:
        flat[places + move] = True
    z, y, x = (slice(int(most), int(most) + count) for most, count in zip(reach, mask.shape, strict=True))
    return padded[z, y, x]


def shrunk(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """A mask without everything within a distance of what is outside; what lies beyond the array counts as inside."""
    return ~grown(~mask, mm, spacing)


def closed(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """A mask with the gaps that a ball does not fit into."""
    return shrunk(grown(mask, mm, spacing), mm, spacing) | mask


def opened(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """The parts of a mask that a ball fits into."""
    return grown(shrunk(mask, mm, spacing), mm, spacing) & mask


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if number == axis else slice(None) for number in range(3))
