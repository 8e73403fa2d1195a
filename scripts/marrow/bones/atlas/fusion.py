"""Label fusion: a majority vote in two stages.

First: bone or background? A voxel is bone if at least half of the maps with this voxel in their field of view have bone
there; a tie is bone, because thin bones would lose most. Second: which bone? The one with the most votes; a tie goes to
the lower id. With one vote over all labels, two neighbouring bones that share the votes would leave a gap.

A bone without any voxel after the vote (thin, and in different positions in all maps) would be missing from the atlas.
It gets the background voxels where it has at least half of its largest count.
"""

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.uint16]


class Vote:
    """The votes of the maps `(z, y, x)` added so far; ids run from 1 to `bones`."""

    def __init__(self, bones: int, shape: tuple[int, ...]) -> None:
        self._counts: Counts = np.zeros((bones, *shape), np.uint16)
        self._reached: Counts = np.zeros(shape, np.uint16)

    def cast(self, labels: Labels, reached: npt.NDArray[np.bool_]) -> None:
        """Add a map, ids of bones or 0; it has no vote outside of its scan's field of view. Both are `(z, y, x)`."""
        self._reached += reached
        z, y, x = np.nonzero((labels > 0) & reached)
        self._counts[labels[z, y, x] - 1, z, y, x] += 1

    def result(self) -> tuple[Labels, Labels]:
        """The fused map and the agreement, both (z, y, x).

        Agreement is the percentage of maps with the fused label, among those with the voxel in their field of view; 0
        where no map has bone.
        """
        occupied = np.nonzero(self._counts.any(axis=0))  # bones are a few percent of a grid
        counts, reached = self._counts[:, *occupied], self._reached[occupied]  # (bones, voxels), (voxels,)
        any_bone = counts.sum(axis=0, dtype=np.uint16)
        winner = (np.argmax(counts, axis=0) + 1).astype(np.uint8)
        fused = np.where(2 * any_bone >= reached, winner, np.uint8(0))
        for bone in range(len(counts)):
            largest = int(counts[bone].max(initial=0))
            if largest and not (fused == bone + 1).any():
                fused[(2 * counts[bone] >= largest) & (fused == 0)] = bone + 1
        votes = np.take_along_axis(counts, np.maximum(fused, 1)[None].astype(np.intp) - 1, axis=0)[0]
        agreeing = np.where(fused > 0, votes, reached - any_bone)
        return self._on_map(occupied, fused), self._on_map(
            occupied, np.rint(100.0 * agreeing / reached).astype(np.uint8)
        )

    def _on_map(self, occupied: tuple[npt.NDArray[np.intp], ...], values: Labels) -> Labels:
        """A map with values (voxels,) at some of its voxels, 0 elsewhere."""
        full = np.zeros_like(self._reached, np.uint8)
        full[occupied] = values
        return full
