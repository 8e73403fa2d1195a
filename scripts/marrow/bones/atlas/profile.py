"""Initialises a registration by matching the outlines of two bodies along the long axis.

A body is described by its width (root of the cross-section, mm) and its centre at every height. Head, neck, shoulders,
waist and thighs give this curve a characteristic shape, so that the stretch and shift along the axis that make two
curves agree also align the anatomy. Only heights that both scans acquired are compared, so scans that end at the pelvis
or begin at the neck can be matched too. Acquired heights without body (above the vertex) have width 0.

World axes are ITK's: x to the left, y to the back, z to the head, in millimetres.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.grid import Grid
from marrow.imaging.volume import voxels

STEP_MM = 5.0
# Adults differ by less; the vertex of two scans can be anywhere within the field of view.
STRETCHES = np.arange(0.75, 1.3301, 0.01)
LEAST_OVERLAP = 0.5  # of the shorter body
# Weight of the squared distance of the vertices (in body lengths) against the misfit, if both scans show the vertex.
HEAD_END_WEIGHT = 0.05

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """Width and centre of a body by height.

    Attributes:
        heights: z in mm, ascending by `STEP_MM`, all that was acquired.
        widths: root of the cross-section in mm; 0 where there is no body.
        across, depth: x and y of the cross-section's centre in mm; NaN where there is no body.
    """

    heights: Curve
    widths: Curve
    across: Curve
    depth: Curve

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest z of the body."""
        has_body = self.heights[self.widths > 0]
        return float(has_body[0]), float(has_body[-1])

    @property
    def shows_vertex(self) -> bool:
        """Whether the scan shows the upper end of the body."""
        return self.span[1] < self.heights[-1] - STEP_MM


@dataclass(frozen=True)
class Match:
    """The map from one profile to another: `z -> stretch * z + shift`, widths times `girth`.

    Attributes:
        misfit: mean squared difference of the widths, as a share of the mean squared width.
        transform: the map in three dimensions, from points of the first scan to points of the second.
    """

    misfit: float
    stretch: float
    girth: float
    transform: sitk.AffineTransform


def profile_of(body: sitk.Image) -> Profile:
    """The profile of a body mask of any orientation.

    Raises:
        ValueError: the mask is empty.
    """
    mask, grid = voxels(body) != 0, Grid.of(body)
    if not mask.any():
        raise ValueError("the body mask is empty")
    corners = grid.points(np.array(np.meshgrid(*[(0, count - 1) for count in grid.size])).reshape(3, -1).T)
    low, high = corners[:, 2].min(), corners[:, 2].max()
    heights = np.arange(math.floor(low / STEP_MM), math.ceil(high / STEP_MM) + 1) * STEP_MM
    points = grid.points(np.argwhere(mask)[:, ::-1])
    place = (points[:, 2] - heights[0]) / STEP_MM
    below = np.clip(np.floor(place).astype(np.intp), 0, len(heights) - 2)
    share = place - below
    # A voxel contributes over its thickness; otherwise the slices of a coarse grid would show in the profile.
    thickness = float(np.abs(np.reshape(grid.direction, (3, 3))[2]) @ np.array(grid.spacing))
    edges = np.append(heights - STEP_MM / 2, heights[-1] + STEP_MM / 2)

    def summed_by_height(weights: Any) -> Curve:
        count = len(heights)
        steps = np.bincount(below, (1 - share) * weights, count) + np.bincount(below + 1, share * weights, count)
        summed = np.append(0.0, np.cumsum(steps))
        upper, lower = (np.interp(heights + side * thickness / 2, edges, summed) for side in (1, -1))
        return upper - lower

    amount = summed_by_height(np.ones(len(points)))
    has_body = amount > 1e-6
    with np.errstate(invalid="ignore"):
        across, depth = (np.where(has_body, summed_by_height(points[:, axis]) / amount, np.nan) for axis in (0, 1))
    widths = np.sqrt(np.where(has_body, amount, 0) * math.prod(grid.spacing) / thickness)
    return Profile(heights, widths, across, depth)


def match(fixed: Profile, moving: Profile) -> Match:
    """The stretch and shift along the long axis that match one body to another, with the in-plane scale and shift."""
    best = min((_best_shift(fixed, moving, float(stretch)) for stretch in STRETCHES), key=lambda tried: tried[0])
    _, misfit, stretch, shift, girth = best
    z = fixed.heights * stretch + shift
    has_body = (fixed.widths > 0) & (z >= moving.span[0]) & (z <= moving.span[1])
    offsets: list[float] = []
    for of_fixed, moved in ((fixed.across, moving.across), (fixed.depth, moving.depth)):
        difference = np.interp(z[has_body], moving.heights, np.nan_to_num(moved)) - girth * of_fixed[has_body]
        offsets.append(float(np.median(difference)) if has_body.any() else 0.0)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((girth, 0.0, 0.0, 0.0, girth, 0.0, 0.0, 0.0, stretch))
    transform.SetTranslation((*offsets, shift))
    return Match(misfit, stretch, girth, transform)


def _best_shift(fixed: Profile, moving: Profile, stretch: float) -> tuple[float, float, float, float, float]:
    """(cost, misfit, stretch, shift, girth) of the shift with the least cost for one stretch."""
    low, high = moving.span
    bottom, top = fixed.span[0] * stretch, fixed.span[1] * stretch
    least = LEAST_OVERLAP * min(high - low, top - bottom)
    shifts = np.arange(low - top + least, high - bottom - least + STEP_MM, STEP_MM)
    z = fixed.heights * stretch + shifts[:, None]  # (shifts, heights)
    in_view = (z >= moving.heights[0]) & (z <= moving.heights[-1])
    of_moving, of_fixed = np.interp(z, moving.heights, moving.widths) * in_view, fixed.widths * in_view
    girth = (of_moving * of_fixed).sum(1) / np.maximum((of_fixed**2).sum(1), 1e-9)
    misfit = ((of_moving - girth[:, None] * of_fixed) ** 2).sum(1) / np.maximum((of_moving**2).sum(1), 1e-9)
    head_distance = np.abs(top + shifts - high) / (high - low)
    weight = HEAD_END_WEIGHT if fixed.shows_vertex and moving.shows_vertex else 0.0
    cost = misfit + weight * head_distance**2
    best = int(np.argmin(cost))
    return float(cost[best]), float(misfit[best]), stretch, float(shifts[best]), float(girth[best])
