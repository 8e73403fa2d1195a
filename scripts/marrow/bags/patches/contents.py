"""What patches hold: the bone that most of one is, and the share of one that a mask covers."""

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]


def main_bones(patches: Labels, bones: int) -> Labels:
    """The bone with most voxels in each patch; of equally many, that with the lower id.

    Args:
        patches: (patches, z, y, x), ids of bones; 0 is background. Each holds some bone.
        bones: how many there are: ids are 1 to this.

    Returns:
        (patches,), ids.
    """
    bins = bones + 1
    own_bins = np.arange(0, len(patches) * bins, bins).reshape(-1, 1, 1, 1)
    counts = np.bincount((patches + own_bins).ravel(), minlength=len(patches) * bins).reshape(-1, bins)
    return (counts[:, 1:].argmax(axis=1) + 1).astype(np.uint8)


def shares(patches: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The share of each patch (patches, z, y, x) that is true: (patches,)."""
    return patches.mean(axis=(1, 2, 3), dtype=np.float64).astype(np.float32)
