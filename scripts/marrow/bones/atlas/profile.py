"""Where to start: the body's outline along the long axis, matched between two scans.

A body is described by its width (the root of its cross-section, mm) and its centre at every height. Head, neck,
shoulders, waist and thighs give that curve a shape of its own, so a stretch and a shift along the axis that make two
curves agree bring head to head and knee to knee. Only heights that both scans acquired are compared: a scan that ends
at the pelvis or begins at the neck still finds its place. Heights where a scan was acquired but holds no body (above
the vertex) count as width zero.

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
# In doubt vertex lies on vertex, where both scans show it: weight of a shift by the body's length against a misfit.
HEAD_END_WEIGHT = 0.05

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """A body by height.

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
        """The lowest and the highest z that holds body."""
        held = self.heights[self.widths > 0]
        return float(held[0]), float(held[-1])

    @property
    def shows_vertex(self) -> bool:
        """Whether the scan goes on above the body, so that the body's upper end is not the scan's."""
        return self.span[1] < self.heights[-1] - STEP_MM


@dataclass(frozen=True)
class Match:
    """How a profile becomes another one: `z -> stretch * z + shift`, widths times `girth`.

    Attributes:
        misfit: mean squared difference of the widths, as a share of the mean squared width.
        transform: the same in three axes, from points of the first scan to points of the second.
    """

    misfit: float
    stretch: float
    girth: float
    transform: sitk.AffineTransform


def profile_of(body: sitk.Image) -> Profile:
    """The profile of a body mask; its axes may point anywhere.

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
    # A voxel counts over its own thickness: narrower, the profile would beat against the slices of a coarse grid.
    thickness = float(np.abs(np.reshape(grid.direction, (3, 3))[2]) @ np.array(grid.spacing))
    edges = np.append(heights - STEP_MM / 2, heights[-1] + STEP_MM / 2)

    def gathered(weights: Any) -> Curve:
        count = len(heights)
        steps = np.bincount(below, (1 - share) * weights, count) + np.bincount(below + 1, share * weights, count)
        summed = np.append(0.0, np.cumsum(steps))
        upper, lower = (np.interp(heights + side * thickness / 2, edges, summed) for side in (1, -1))
        return upper - lower

    amount = gathered(np.ones(len(points)))
    held = amount > 1e-6
    with np.errstate(invalid="ignore"):
        across, depth = (np.where(held, gathered(points[:, axis]) / amount, np.nan) for axis in (0, 1))
    widths = np.sqrt(np.where(held, amount, 0) * math.prod(grid.spacing) / thickness)
    return Profile(heights, widths, across, depth)


def match(fixed: Profile, moving: Profile) -> Match:
    """The stretch and shift along the long axis that bring one body onto another, and the rest of the affine start."""
    best = min((_best_shift(fixed, moving, float(stretch)) for stretch in STRETCHES), key=lambda found: found[0])
    _, misfit, stretch, shift, girth = best
    at = fixed.heights * stretch + shift
    held = (fixed.widths > 0) & (at >= moving.span[0]) & (at <= moving.span[1])
    offsets: list[float] = []
    for mine, other in ((fixed.across, moving.across), (fixed.depth, moving.depth)):
        difference = np.interp(at[held], moving.heights, np.nan_to_num(other)) - girth * mine[held]
        offsets.append(float(np.median(difference)) if held.any() else 0.0)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((girth, 0.0, 0.0, 0.0, girth, 0.0, 0.0, 0.0, stretch))
    transform.SetTranslation((*offsets, shift))
    return Match(misfit, stretch, girth, transform)


def _best_shift(fixed: Profile, moving: Profile, stretch: float) -> tuple[float, float, float, float, float]:
    """(what is minimised, misfit, stretch, shift, girth) of the best shift for one stretch."""
    low, high = moving.span
    bottom, top = fixed.span[0] * stretch, fixed.span[1] * stretch
    least = LEAST_OVERLAP * min(high - low, top - bottom)
    shifts = np.arange(low - top + least, high - bottom - least + STEP_MM, STEP_MM)
    at = fixed.heights * stretch + shifts[:, None]  # (shifts, heights)
    seen = (at >= moving.heights[0]) & (at <= moving.heights[-1])
    theirs, mine = np.interp(at, moving.heights, moving.widths) * seen, fixed.widths * seen
    girth = (theirs * mine).sum(1) / np.maximum((mine**2).sum(1), 1e-9)
    misfit = ((theirs - girth[:, None] * mine) ** 2).sum(1) / np.maximum((theirs**2).sum(1), 1e-9)
    apart = np.abs(top + shifts - high) / (high - low)
    weight = HEAD_END_WEIGHT if fixed.shows_vertex and moving.shows_vertex else 0.0
    cost = misfit + weight * apart**2
    best = int(np.argmin(cost))
    return float(cost[best]), float(misfit[best]), stretch, float(shifts[best]), float(girth[best])
