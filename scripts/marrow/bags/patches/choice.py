"""Selects the patches of a scan's bag: those on a regular grid that contain enough bone.

ATMIL (Qaiser et al., MICCAI 2021) keeps patches of 16^3 voxels that overlap with bone by half, about 755 per scan. It
says neither where they start nor how far apart they are; docs/patches.md has our reading.

The bone voxels of all patches are counted together, by sums of every n-th slice along one axis after the other: if
patches overlap by half, this reads the mask about twice for the first axis, and little for the other two.
"""

import numpy as np
import numpy.typing as npt

from marrow.bags.patches.size import Size

Mask = npt.NDArray[np.bool_]
Corners = npt.NDArray[np.int16]


def choose(bone: Mask, size: Size) -> tuple[Corners, npt.NDArray[np.uint32]]:
    """The patches with enough bone that are completely inside a scan (their margins need not be).

    Returns:
        The first voxels (patches, 3) of the patches, x first, in the memory order of the volume; and the number of
        voxels of `bone` (z, y, x) in each (patches,).
    """
    counts = window_sums(bone, size.edge, size.stride)
    enough = np.nonzero(counts >= size.least_bone)
    corners = np.stack(enough[::-1], axis=1) * size.stride
    return corners.astype(np.int16), counts[enough].astype(np.uint32)


def window_sums(mask: Mask, edge: int, stride: int) -> npt.NDArray[np.unsignedinteger]:
    """Number of true voxels in each cube of `edge` voxels, on a grid of `stride` voxels that starts at voxel 0."""
    sums: npt.NDArray[np.unsignedinteger] = mask.view(np.uint8)
    for axis in range(mask.ndim):
        slices = np.moveaxis(sums, axis, 0)
        count = max(0, (len(slices) - edge) // stride + 1)
        smallest = np.min_scalar_type(edge ** (axis + 1))  # dtype that cannot overflow: bytes are added fastest
        total = np.zeros((count, *slices.shape[1:]), smallest)
        for offset in range(edge):
            total += slices[offset : offset + count * stride : stride]
        sums = np.moveaxis(total, 0, axis)
    return sums
