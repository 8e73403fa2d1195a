"""Which patches of a scan go into its bag: those on a regular grid that hold enough bone.

ATMIL (Qaiser et al., MICCAI 2021) keeps patches of 16^3 voxels that overlap with bone by half, about 755 per scan. It
says neither where they start nor how far apart they are; docs/patches.md has our reading.

The voxels of bone in all patches are counted at once, by adding every n-th slice along one axis after the other: about
two passes over the mask in bytes where patches overlap by half, and little for what is left after the first axis.
"""

import numpy as np
import numpy.typing as npt

from marrow.bags.patches.size import Size

Mask = npt.NDArray[np.bool_]
Corners = npt.NDArray[np.int16]


def choose(bone: Mask, size: Size) -> tuple[Corners, npt.NDArray[np.uint32]]:
    """The patches with enough bone that lie wholly in a scan, margins aside.

    Args:
        bone: which voxels are bone, (z, y, x).
        size: of the patches.

    Returns:
        The first voxels (patches, 3) of the patches, x first, in the order of the voxels in memory; and how many of
        their voxels are bone (patches,).
    """
    counts = window_sums(bone, size.edge, size.stride)
    found = np.nonzero(counts >= size.least_bone)
    corners = np.stack(found[::-1], axis=1) * size.stride
    return corners.astype(np.int16), counts[found].astype(np.uint32)


def window_sums(mask: Mask, edge: int, stride: int) -> npt.NDArray[np.unsignedinteger]:
    """True voxels in each cube of `edge` voxels on a grid of `stride` that starts at voxel 0: one number a cube."""
    sums: npt.NDArray[np.unsignedinteger] = mask.view(np.uint8)
    for axis in range(mask.ndim):
        slices = np.moveaxis(sums, axis, 0)
        count = max(0, (len(slices) - edge) // stride + 1)
        smallest = np.min_scalar_type(edge ** (axis + 1))  # that holds a cube full of bone: bytes are added fastest
        total = np.zeros((count, *slices.shape[1:]), smallest)
        for offset in range(edge):
            total += slices[offset : offset + count * stride : stride]
        sums = np.moveaxis(total, 0, axis)
    return sums
