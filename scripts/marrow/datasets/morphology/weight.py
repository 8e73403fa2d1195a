"""Thinning and thickening: the whole stroke loses or gains the same width.

Erosion and dilation by a disk are thresholds on the distance to the stroke's edge, whatever the radius. The radius is
a share of half the stroke's own thickness, cut to whole fine pixels, so that fine and bold hands change alike.
"""

from marrow.datasets.morphology.resolution import FACTOR, Mask
from marrow.datasets.morphology.stroke import Stroke, distance


def thin(stroke: Stroke, amount: float = 0.7) -> Mask:
    """The stroke eroded by `amount` of its half thickness."""
    return stroke.depth > _radius(stroke, amount)


def thicken(stroke: Stroke, amount: float = 1.0) -> Mask:
    """The stroke dilated by `amount` of its half thickness; 1 doubles it."""
    return distance(~stroke.mask) <= _radius(stroke, amount)


def _radius(stroke: Stroke, amount: float) -> int:
    return int(amount * stroke.thickness / 2 * FACTOR)
