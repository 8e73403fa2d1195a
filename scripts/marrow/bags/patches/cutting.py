"""The voxels of patches, taken out of a volume all at once.

A margin may reach beyond the volume; there the volume's outermost voxels are repeated. Beside the body that is air, as
it would be with zeros; below the knees, where the field of view cuts the body off, tissue goes on, so that turning a
patch in its margin brings no edge into it that is not in the patient.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from marrow.bags.patches.choice import Corners

Scalar = TypeVar("Scalar", bound=np.generic)


def cut(volume: npt.NDArray[Scalar], corners: Corners, edge: int, margin: int = 0) -> npt.NDArray[Scalar]:
    """Cubes of a volume.

    Args:
        volume: (z, y, x).
        corners: (patches, 3), first voxels without the margin, x first.
        edge: voxels along each axis, without the margin.
        margin: voxels on each side.

    Returns:
        (patches, z, y, x), margins included.
    """
    steps = np.arange(-margin, edge + margin)
    x, y, z = (
        (first[:, None] + steps).clip(0, count - 1) for first, count in zip(corners.T, volume.shape[::-1], strict=True)
    )
    return volume[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]
