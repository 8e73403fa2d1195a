"""What a step of the correction gives, and what every step is given."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Outcome:
    """Labels after a step, and what it did.

    Attributes:
        labels: bone ids, `(z, y, x)`.
        said: a sentence for each thing that was changed or could not be done.
    """

    labels: Labels
    said: tuple[str, ...]


def millilitres(voxels: int, spacing: Spacing) -> float:
    """The volume of some voxels."""
    return voxels * float(np.prod(spacing)) / 1000
