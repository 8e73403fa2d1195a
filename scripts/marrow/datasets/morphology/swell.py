"""Swelling: the stroke is magnified about one of its points, and untouched further away.

A pixel at distance r < R of the centre takes its value from distance r (r / R)^(strength - 1), in the same direction.
Magnification ends at R, where nothing moves, and the larger R, the thicker the stroke: R grows with its square root.
"""

import math

import numpy as np
from scipy import ndimage

from marrow.datasets.morphology.resolution import FACTOR, Mask
from marrow.datasets.morphology.stroke import Stroke


def swell(stroke: Stroke, rng: np.random.Generator, strength: float = 3.0, radius: float = 7.0) -> Mask:
    """The stroke swollen about a random point of its middle line.

    Args:
        stroke: what is swollen.
        rng: chooses the point.
        strength: 1 changes nothing.
        radius: the diameter in pixels of the digit of what is changed in a stroke one pixel thick.
    """
    centre = stroke.points[rng.integers(len(stroke.points))]
    reach = radius * math.sqrt(stroke.thickness) / 2 * FACTOR
    box = tuple(
        slice(max(0, math.ceil(middle - reach)), min(length, math.floor(middle + reach) + 1))
        for middle, length in zip(centre.tolist(), stroke.mask.shape, strict=True)
    )
    y, x = (np.arange(part.start, part.stop) - middle for part, middle in zip(box, centre, strict=True))
    y = y[:, np.newaxis]
    pull = np.minimum(np.hypot(y, x) / reach, 1) ** (strength - 1)
    sources = np.stack([centre[0] + pull * y, centre[1] + pull * x])
    swollen = stroke.mask.copy()
    swollen[box] = ndimage.map_coordinates(stroke.mask.astype(np.float32), sources, order=1, mode="nearest") > 0.5
    return swollen
