"""The features of the surface model: position of a voxel relative to the bones, and the contrasts around it.

For each voxel: its depth in the atlas's bone and in the predicted bone, the percentage of registered maps that agree,
the nearest bone of the atlas (left and right are one class), and the contrasts of the 3 x 3 x 3 voxels around it and of
those two and three voxels away along each axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.balls import dilated
from marrow.bones.correction.distances import Floats, Positions, depth, nearest
from marrow.bones.correction.outcome import Labels, Mask, Spacing
from marrow.bones.segmentation.prepare import AIR, Body
from marrow.bones.table import Bone

_FARTHEST = 3
_CUBE = [(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)]
_ALONG_AXES = [tuple(np.eye(3, dtype=int)[axis] * away) for axis in range(3) for away in (-_FARTHEST, -2, 2, _FARTHEST)]
_STEPS: Positions = np.array([*_CUBE, *_ALONG_AXES], np.intp)


@dataclass(frozen=True)
class Surroundings:
    """Contrasts and labels of a scan, all `(z, y, x)` on the box of the body, and the spacing of its voxels in mm.

    `labels` are the predicted bones, `atlas` those of the atlas, `agreement` the percentage of the registered maps that
    agree with it.
    """

    body: Body
    labels: Labels
    atlas: Labels
    agreement: Labels
    spacing: Spacing

    def near(self, reach_mm: float) -> Mask:
        """The voxels of the body within a distance of the atlas's bones."""
        return dilated(self.atlas > 0, reach_mm, self.spacing) & self.body.mask

    def neighbours(self, positions: Positions, reach_mm: float) -> Labels:
        """The label of the nearest bone of the atlas to each position, within a distance."""
        return nearest(self.atlas, positions, reach_mm + max(self.spacing), self.spacing)[1]

    def features(self, positions: Positions, bones: Sequence[Bone], reach_mm: float) -> Floats:
        """All features of some places `(positions, 3)` within reach of the atlas: `(positions, features)`."""
        kinds = kinds_of(bones)
        kind = kinds[self.neighbours(positions, reach_mm)]
        voxel = max(self.spacing)
        index = tuple(positions.T)
        columns = np.concatenate(
            [
                depth(self.atlas > 0, positions, reach_mm, self.spacing)[:, None] / (2 * voxel),
                depth(self.labels > 0, positions, reach_mm, self.spacing)[:, None] / (2 * voxel),
                self.agreement[index][:, None].astype(np.float32) / 50 - 1,
                np.eye(int(kinds.max()) + 1, dtype=np.float32)[kind][:, 1:],
                self._contrasts_around(positions),
            ],
            axis=1,
        )
        return columns.astype(np.float32, copy=False)

    def _contrasts_around(self, positions: Positions) -> Floats:
        """The contrasts around each position."""
        wide = [(0, 0), *[(_FARTHEST, _FARTHEST)] * 3]
        image = np.pad(self.body.image, wide, constant_values=AIR)
        strides = np.array([image.shape[2] * image.shape[3], image.shape[3], 1])
        index = ((positions + _FARTHEST) @ strides)[:, None] + _STEPS @ strides
        return np.concatenate([channel.reshape(-1)[index] for channel in image], axis=1).astype(
            np.float32
        ) / np.float32(2)


def kinds_of(bones: Sequence[Bone]) -> npt.NDArray[np.intp]:
    """For every id from 0, a number from 1 that a bone shares with its mirror image; 0 for no bone."""
    first = sorted({min(bone.id, bone.mirror) for bone in bones})
    kinds = np.zeros(max(bone.id for bone in bones) + 1, np.intp)
    for bone in bones:
        kinds[bone.id] = first.index(min(bone.id, bone.mirror)) + 1
    return kinds


def feature_count(bones: Sequence[Bone], contrasts: int) -> int:
    """How many features a voxel has."""
    return 3 + int(kinds_of(bones).max()) + contrasts * len(_STEPS)
