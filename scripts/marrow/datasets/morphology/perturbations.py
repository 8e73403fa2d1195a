"""What can be done to a stroke: fracture, swelling, thinning, thickening.

**Fracture** makes straight cuts through the stroke, square to its direction, away from its tips and forks: near a tip a
cut would trim the digit, and near a fork it would not part it. Cuts are drawn with replacement, so two may fall
together.

**Swelling** magnifies the stroke about one of its points and leaves it untouched further away. A pixel at distance
r < R of the centre takes its value from distance r (r / R)^(strength - 1), in the same direction. Magnification ends at
R, where nothing moves, and the larger R, the thicker the stroke: R grows with its square root.

**Thinning and thickening** take the same width from the whole stroke or add it. Erosion and dilation by a disk are
thresholds on the distance to the stroke's edge, whatever the radius. The radius is a share of half the stroke's own
thickness, cut to whole fine pixels, so that fine and bold hands change alike.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrow.datasets.morphology.resolution import FACTOR, Mask
from marrow.datasets.morphology.stroke import Stroke, distance

_CLEAR = 2 * FACTOR  # from tips and forks
_WINDOW = 2 * FACTOR  # to each side of a point, within which its direction is measured
_BEYOND = FACTOR / 2  # how far a cut goes beyond the edges of the stroke


def fracture(stroke: Stroke, rng: np.random.Generator, cuts: int = 3, width: float = 1.5) -> Mask:
    """The stroke cut at random points of its middle line; the width of a cut is in pixels of the digit."""
    candidates = _uncluttered(stroke)
    broken = stroke.mask.copy()
    for point in candidates[rng.integers(len(candidates), size=cuts)]:
        _cut(broken, point, _direction(stroke, point), float(stroke.depth[tuple(point)]) + _BEYOND, width / 2 * FACTOR)
    return broken


def _uncluttered(stroke: Stroke) -> NDArray[np.intp]:
    """Points of the middle line that are clear of tips and forks, or all where none is: (points, 2)."""
    neighbours = ndimage.uniform_filter(stroke.skeleton * 9.0, 3, mode="constant").round() - 1
    special = stroke.skeleton & ((neighbours == 1) | (neighbours > 2))
    if not special.any():
        return stroke.points
    clear = stroke.skeleton & (distance(~special) > _CLEAR)
    return np.argwhere(clear) if clear.any() else stroke.points


def _direction(stroke: Stroke, point: NDArray[np.intp]) -> tuple[float, float]:
    """Where the stroke runs at a point: the long axis of the middle line around it, as a unit vector (y, x)."""
    near = stroke.points[(np.abs(stroke.points - point) <= _WINDOW).all(axis=1)]
    (yy, yx), (_, xx) = (near - near.mean(axis=0)).T @ (near - near.mean(axis=0))
    angle = math.atan2(2 * yx, yy - xx) / 2  # of the principal axis of the second moments, from y
    return math.cos(angle), math.sin(angle)


def _cut(mask: Mask, point: NDArray[np.intp], along: tuple[float, float], reach: float, radius: float) -> None:
    """Clear, in place, what a disk covers that is drawn `reach` to each side of a point, across a direction."""
    first = np.maximum(point - math.ceil(reach + radius), 0)
    box = tuple(slice(low, middle + math.ceil(reach + radius) + 1) for low, middle in zip(first, point, strict=True))
    y, x = np.indices(mask[box].shape) + (first - point)[:, np.newaxis, np.newaxis]
    across = np.abs(along[0] * x - along[1] * y)
    mask[box] &= np.hypot(along[0] * y + along[1] * x, np.maximum(across - reach, 0)) > radius


def swell(stroke: Stroke, rng: np.random.Generator, strength: float = 3.0, radius: float = 7.0) -> Mask:
    """The stroke swollen about a random point of its middle line.

    A strength of 1 changes nothing; `radius` is the diameter, in pixels of the digit, of what is changed in a stroke
    one pixel thick.
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


def thin(stroke: Stroke, amount: float = 0.7) -> Mask:
    """The stroke eroded by `amount` of its half thickness."""
    return stroke.depth > _radius(stroke, amount)


def thicken(stroke: Stroke, amount: float = 1.0) -> Mask:
    """The stroke dilated by `amount` of its half thickness; 1 doubles it."""
    return distance(~stroke.mask) <= _radius(stroke, amount)


def _radius(stroke: Stroke, amount: float) -> int:
    return int(amount * stroke.thickness / 2 * FACTOR)
