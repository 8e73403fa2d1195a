"""One label map out of many: a majority vote in two questions.

First: bone or not? A voxel is bone if at least half of the maps that reach it say so; a tie is bone, since thin bones
lose by every doubt. Then: which bone? The one with the most votes; a tie goes to the lower id. So two neighbours that
share the votes for bone do not leave a gap between them, as one vote over all labels would.

A bone that wins nowhere (thin, and never at the same place twice) would be missing from the atlas, and with it from all
that is filled from the atlas: it is put where it has at least half of its own largest count, in voxels left as
background.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.uint16]


@dataclass
class Vote:
    """The votes cast so far.

    Attributes:
        bones: ids run from 1 to this.
        shape: of the maps, (z, y, x).
    """

    bones: int
    shape: tuple[int, ...]
    _counts: Counts = field(init=False)
    _reached: Counts = field(init=False)

    def __post_init__(self) -> None:
        self._counts = np.zeros((self.bones, *self.shape), np.uint16)
        self._reached = np.zeros(self.shape, np.uint16)

    def cast(self, labels: Labels, reached: npt.NDArray[np.bool_]) -> None:
        """Add a map.

        Args:
            labels: (z, y, x), ids of bones or 0.
            reached: (z, y, x), where the scan behind the map has voxels; elsewhere it has no say.
        """
        self._reached += reached
        z, y, x = np.nonzero((labels > 0) & reached)
        self._counts[labels[z, y, x] - 1, z, y, x] += 1

    def result(self) -> tuple[Labels, Labels]:
        """The fused map and the agreement, both (z, y, x).

        Agreement is the percentage, of the maps that reach a voxel, that have the fused label there; 0 where none has
        bone.
        """
        some = np.nonzero(self._counts.any(axis=0))  # bones are a few percent of a grid
        counts, reached = self._counts[:, *some], self._reached[some]  # (bones, voxels), (voxels,)
        any_bone = counts.sum(axis=0, dtype=np.uint16)
        winner = (np.argmax(counts, axis=0) + 1).astype(np.uint8)
        fused = np.where(2 * any_bone >= reached, winner, np.uint8(0))
        for bone in range(self.bones):
            most = int(counts[bone].max(initial=0))
            if most and not (fused == bone + 1).any():
                fused[(2 * counts[bone] >= most) & (fused == 0)] = bone + 1
        picked = np.take_along_axis(counts, np.maximum(fused, 1)[None].astype(np.intp) - 1, axis=0)[0]
        agreeing = np.where(fused > 0, picked, reached - any_bone)
        return self._placed(some, fused), self._placed(some, np.rint(100.0 * agreeing / reached).astype(np.uint8))

    def _placed(self, some: tuple[npt.NDArray[np.intp], ...], values: Labels) -> Labels:
        """Values (voxels,) at some voxels of a map, 0 elsewhere."""
        whole = np.zeros(self.shape, np.uint8)
        whole[some] = values
        return whole
