"""Agreement of two masks by their volumes.

With A the predicted and B the true mask:

    Dice         = 2 |A n B| / (|A| + |B|)       (Dice 1945), 1 for equal masks, 0 for disjoint ones
    volume error = (|A| - |B|) / |B|             signed: 0.1 is a tenth too much, -1 is nothing found
"""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def dice(predicted: Mask, true: Mask) -> float | None:
    """The Dice coefficient of two masks of one shape; None where both are empty and it has no value."""
    total = int(np.count_nonzero(predicted)) + int(np.count_nonzero(true))
    return 2 * int(np.count_nonzero(predicted & true)) / total if total else None


def volume_error(predicted: Mask, true: Mask) -> float | None:
    """The signed error of the volume as a share of the true one; None where the true mask is empty."""
    expected = int(np.count_nonzero(true))
    return (int(np.count_nonzero(predicted)) - expected) / expected if expected else None
