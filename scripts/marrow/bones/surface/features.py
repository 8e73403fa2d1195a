"""What tells whether a voxel near the atlas's bone is bone: its place, and what the scan looks like around it.

Of each voxel: how deep it lies in the atlas's bone and in the predicted one, how many of the registered maps agree,
which bone of the atlas is the nearest (left and right are one), and the contrasts of the 27 voxels about it and of
those two and three voxels away along each axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.bones.correction.balls import grown
from marrow.bones.correction.nearest import Floats, Places, depth, nearest
from marrow.bones.correction.outcome import Labels, Mask, Spacing
from marrow.bones.segmentation.prepare import AIR, Body
from marrow.bones.table import Bone

_FARTHEST = 3
_ABOUT = [(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1)]
_AHEAD = [tuple(np.eye(3, dtype=int)[axis] * away) for axis in range(3) for away in (-_FARTHEST, -2, 2, _FARTHEST)]
_STEPS: Places = np.array([*_ABOUT, *_AHEAD], np.intp)


@dataclass(frozen=True)
class Surroundings:
    """A scan about its body, and what is known of its bones, all `(z, y, x)` on the box of the body.

    Attributes:
        body: the contrasts and the mask.
        labels: the predicted bones.
        atlas: the atlas's bones.
        agreement: percent of the registered maps that agree with it.
        spacing: of the voxels (z, y, x) in mm.
    """

    body: Body
    labels: Labels
    atlas: Labels
    agreement: Labels
    spacing: Spacing

    def near(self, reach_mm: float) -> Mask:
        """The voxels of the body within a distance of the atlas's bones."""
        return grown(self.atlas > 0, reach_mm, self.spacing) & self.body.mask

    def neighbours(self, places: Places, reach_mm: float) -> Labels:
        """The label of the atlas's bone nearest to each of some places within its reach."""
        return nearest(self.atlas, places, reach_mm + max(self.spacing), self.spacing)[1]

    def features(self, places: Places, bones: Sequence[Bone], reach_mm: float) -> Floats:
        """All features of some places `(places, 3)` within reach of the atlas: `(places, features)`."""
        kinds = kinds_of(bones)
        kind = kinds[self.neighbours(places, reach_mm)]
        voxel = max(self.spacing)
        at = tuple(places.T)
        found = np.concatenate(
            [
                depth(self.atlas > 0, places, reach_mm, self.spacing)[:, None] / (2 * voxel),
                depth(self.labels > 0, places, reach_mm, self.spacing)[:, None] / (2 * voxel),
                self.agreement[at][:, None].astype(np.float32) / 50 - 1,
                np.eye(int(kinds.max()) + 1, dtype=np.float32)[kind][:, 1:],
                self._seen(places),
            ],
            axis=1,
        )
        return found.astype(np.float32, copy=False)

    def _seen(self, places: Places) -> Floats:
        """Every contrast around the places."""
        wide = [(0, 0), *[(_FARTHEST, _FARTHEST)] * 3]
        image = np.pad(self.body.image, wide, constant_values=AIR)
        strides = np.array([image.shape[2] * image.shape[3], image.shape[3], 1])
        at = ((places + _FARTHEST) @ strides)[:, None] + _STEPS @ strides
        return np.concatenate([channel.reshape(-1)[at] for channel in image], axis=1).astype(np.float32) / np.float32(2)


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
