"""Fracture: straight cuts through the stroke, square to its direction, away from its tips and forks.

Near a tip a cut would trim the digit, and near a fork it would not part it. Cuts are drawn with replacement, so two may
fall together.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrow.datasets.morphology.resolution import FACTOR, Mask
from marrow.datasets.morphology.stroke import Stroke, distance

_CLEAR = 2 * FACTOR  # from tips and forks
_WINDOW = 2 * FACTOR  # to each side of a point, within which its direction is seen
_BEYOND = FACTOR / 2  # how far a cut goes beyond the edges of the stroke


def fracture(stroke: Stroke, rng: np.random.Generator, cuts: int = 3, width: float = 1.5) -> Mask:
    """The stroke cut at random points of its middle line.

    Args:
        stroke: what is cut.
        rng: chooses the points.
        cuts: how many.
        width: of a cut, in pixels of the digit.
    """
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
