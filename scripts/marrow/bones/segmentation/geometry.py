"""The sampling geometry of the pathways: which voxels each reads, and the position of its feature maps.

All positions are voxels along one axis, counted from the first predicted voxel. The full-resolution pathway reads
`margin` more voxels on both sides. A pathway of factor f reads every f-th voxel and predicts blocks of f voxels; for
each block it reads the voxel in its middle:

    block b has the voxels f b ... f b + f - 1;      sample k of the pathway is at  f // 2 + f (k - margin).

DeepMedic's sample grids start f // 2 voxels earlier, at the first voxel of each block; with the middle one, the context
of a pathway is centred on its prediction.
"""

from dataclasses import dataclass

FACTORS = (1, 3, 5)
KERNEL = 3


@dataclass(frozen=True)
class Window:
    """Evenly spaced samples along one axis: `count` of them, `step` voxels apart, the first at `start`."""

    start: int
    step: int
    count: int


def window(factor: int, margin: int, predicted: int, border: int = 0) -> Window:
    """The samples of a pathway for a prediction of `predicted` voxels from 0 on, and `border` more on both sides.

    Its samples are `factor` voxels apart; its convolutions remove `margin` of them at both ends, one each.
    """
    first, last = -border // factor, (predicted + border - 1) // factor
    return Window(factor // 2 + factor * (first - margin), factor, last - first + 1 + 2 * margin)


def offset(factor: int, border: int) -> int:
    """Number of voxels of a pathway's upsampled maps before the first voxel of the border."""
    return -border - factor * (-border // factor)
