"""The result of a correction step, and the types that all steps share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Outcome:
    """Bone ids `(z, y, x)` after a step, and a sentence for each change and for each one that was not possible."""

    labels: Labels
    messages: tuple[str, ...]


def millilitres(voxels: int, spacing: Spacing) -> float:
    """The volume of some voxels."""
    return voxels * float(np.prod(spacing)) / 1000
