"""Dilation, erosion, closing and opening of a mask by a distance in millimetres, for any voxel size.

A ball is the list of offsets from a voxel to all voxels within the distance, nearest first. It is applied to surface
voxels only, which for a few millimetres is many times faster than a distance map of the whole box. A distance below the
voxel size gives an empty ball, and no change.
"""

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.outcome import Mask, Spacing

# Tolerance for rounding errors of the voxel size in image headers.
_ROUNDING_MM = 1e-3

# The largest radius of a single dilation, in voxels.
_LARGEST_BALL = 3


def ball(mm: float, spacing: Spacing) -> npt.NDArray[np.intp]:
    """Offsets (offsets, 3) to all voxels within a distance, nearest first, without the voxel itself."""
    reach = [int((mm + _ROUNDING_MM) / step) for step in spacing]
    axes = [np.arange(-most, most + 1) for most in reach]
    steps = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = np.linalg.norm(steps * np.asarray(spacing), axis=1)
    order = np.argsort(distance, kind="stable")
    return steps[order][(distance[order] > 0) & (distance[order] <= mm + _ROUNDING_MM)]


def surface(mask: Mask) -> Mask:
    """The voxels of a mask `(z, y, x)` with a face neighbour outside of it; the edge of the array is not a surface.

    The nearest voxel of a mask to a voxel outside of it is always one of these.
    """
    inner = mask.copy()
    for axis in range(3):
        ahead, behind = _along(axis, slice(1, None)), _along(axis, slice(None, -1))
        inner[behind] &= mask[ahead]
        inner[ahead] &= mask[behind]
    return mask & ~inner


def dilated(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """A mask and all voxels within a distance of it.

    A large distance is split into several dilations with small balls, which needs far fewer offsets. The result may
    fall short of the distance by less than a voxel, and never exceeds it.
    """
    part = _LARGEST_BALL * max(spacing)
    if mm > part + _ROUNDING_MM:
        return dilated(dilated(mask, part, spacing), mm - part, spacing)
    steps = ball(mm, spacing)
    if not len(steps):
        return mask.copy()
    reach = np.abs(steps).max(axis=0)
    padded = np.pad(mask, [(int(most), int(most)) for most in reach])
    flat = padded.reshape(-1)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    start = np.argwhere(surface(mask)) + reach
    surface_index = start @ strides
    for move in steps @ strides:
        flat[surface_index + move] = True
    z, y, x = (slice(int(most), int(most) + count) for most, count in zip(reach, mask.shape, strict=True))
    return padded[z, y, x]


def eroded(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """A mask without all voxels within a distance of its outside; voxels beyond the array count as inside."""
    return ~dilated(~mask, mm, spacing)


def closed(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """A mask with the gaps that are too narrow for a ball filled."""
    return eroded(dilated(mask, mm, spacing), mm, spacing) | mask


def opened(mask: Mask, mm: float, spacing: Spacing) -> Mask:
    """The parts of a mask that a ball fits into."""
    return dilated(eroded(mask, mm, spacing), mm, spacing) & mask


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if number == axis else slice(None) for number in range(3))
