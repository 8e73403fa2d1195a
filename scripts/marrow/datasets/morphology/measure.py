"""What is measured on a finished digit (y, x) of 0 to 255."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrow.datasets.morphology.resolution import WHITE
from marrow.datasets.morphology.stroke import Stroke

# Fixed, since the auxiliary task hangs on them: MNIST has 3 % digits in several parts so, 9 % by the four sides alone.
THRESHOLD = 128
_TOUCHING = np.ones((3, 3), dtype=np.bool_)  # by sides and corners


def components(image: NDArray[Any]) -> int:
    """Parts of the digit that do not touch, corners included, where it is as bright as 128 or brighter."""
    _, count = cast(tuple[object, int], ndimage.label(image >= THRESHOLD, _TOUCHING))
    return count


def thickness(image: NDArray[Any]) -> float:
    """Mean thickness of the stroke, in pixels."""
    return Stroke.of(image).thickness


def mass(image: NDArray[Any]) -> float:
    """Ink, in pixels that are all white."""
    return float(image.sum(dtype=np.float64)) / WHITE
