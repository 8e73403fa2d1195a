"""Which voxels each pathway reads, and where its maps lie.

All positions are voxels along one axis, counted from the first voxel that is predicted. The full-resolution pathway
reads `margin` voxels more on both sides. A pathway of factor f reads every f-th voxel and predicts blocks of f voxels;
the voxel that it reads for a block is the one in the block's middle:

    block b holds the voxels f b ... f b + f - 1;      sample k of the pathway is at  f // 2 + f (k - margin).

DeepMedic starts one sample grid of each pathway f // 2 voxels earlier, so its blocks look at their first voxel; with
the middle one, the context of a pathway is centred on what it predicts.
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
    """What a pathway reads so that `predicted` voxels, and `border` more on both sides, can be predicted.

    Args:
        factor: every how many voxels the pathway reads one.
        margin: convolutions of the pathway: each takes a sample off both ends.
        predicted: voxels from 0 on.
        border: voxels that later layers need around them.
    """
    first, last = -border // factor, (predicted + border - 1) // factor
    return Window(factor // 2 + factor * (first - margin), factor, last - first + 1 + 2 * margin)


def offset(factor: int, border: int) -> int:
    """How many voxels of a pathway's repeated maps lie before the first of the border."""
    return -border - factor * (-border // factor)


def receptive_field(depth: int, factor: int) -> int:
    """Voxels, from first to last, that a pathway sees of one place: 17, 51 and 85 with eight layers.

    Samples stand for the f voxels around them, which is how DeepMedic counts.
    """
    return factor * (2 * depth + 1)
