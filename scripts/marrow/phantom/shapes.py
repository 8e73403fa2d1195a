"""Solids as signed distances, in millimetres of body space: negative inside, zero on the surface.

Distances to ellipsoids and to bodies of varying cross-section are first-order estimates, exact on the surface and good
near it, which is where partial volume is computed. Coordinates are x to the patient's left, y to the back, z to the
head, as three arrays that broadcast to `(z, y, x)`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Vector = tuple[float, float, float]
Coordinates = tuple[Field, Field, Field]
Box = tuple[Vector, Vector]


class Shape(Protocol):
    """A solid in body space."""

    def distance(self, points: Coordinates) -> Field:
        """Signed distance in mm at every point: `(z, y, x)`."""
        ...

    def box(self) -> Box:
        """Lowest and highest corner of a box that holds the solid."""
        ...


def vector(values: Sequence[float] | npt.NDArray[np.floating]) -> Vector:
    """Three numbers as a vector."""
    x, y, z = values
    return float(x), float(y), float(z)


def around(points: Sequence[Vector], margin: float) -> Box:
    """The box around points, `margin` wider on every side."""
    array = np.asarray(points)
    return vector(array.min(axis=0) - margin), vector(array.max(axis=0) + margin)


def tilt(degrees: Vector) -> npt.NDArray[np.float32]:
    """Rotation about x, then y, then z: `(3, 3)`."""
    a, b, c = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


def _local(points: Coordinates, centre: Vector, turned: Vector) -> Coordinates:
    """Coordinates in the frame of a solid that sits at `centre`, turned by `turned` degrees."""
    x, y, z = (axis - np.float32(middle) for axis, middle in zip(points, centre, strict=True))
    if turned == (0.0, 0.0, 0.0):
        return x, y, z
    r = tilt(turned)
    return (
        r[0, 0] * x + r[1, 0] * y + r[2, 0] * z,
        r[0, 1] * x + r[1, 1] * y + r[2, 1] * z,
        r[0, 2] * x + r[1, 2] * y + r[2, 2] * z,
    )


@dataclass(frozen=True)
class Ellipsoid:
    """Half axes `radii` about `centre`, turned by degrees about x, y, z."""

    centre: Vector
    radii: Vector
    turned: Vector = (0.0, 0.0, 0.0)

    def distance(self, points: Coordinates) -> Field:
        """First-order distance: the implicit function over its gradient."""
        rx, ry, rz = self.radii
        x, y, z = _local(points, self.centre, self.turned)
        x, y, z = x / rx, y / ry, z / rz
        k = np.sqrt(x * x + y * y + z * z)
        gradient = np.sqrt((x / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2)
        return np.asarray(k * (k - 1) / np.clip(gradient, 1e-6, None), np.float32)

    def box(self) -> Box:
        """A box that holds it however it is turned."""
        if self.turned == (0.0, 0.0, 0.0):
            c, r = np.asarray(self.centre), np.asarray(self.radii)
            return vector(c - r), vector(c + r)
        return around([self.centre], max(self.radii))


@dataclass(frozen=True)
class Tube:
    """A round solid along a line through `points`, with a radius at each."""

    points: tuple[Vector, ...]
    radii: tuple[float, ...]

    def distance(self, points: Coordinates) -> Field:
        """The least distance to the cones between neighbouring points."""
        return reduce(np.minimum, (_cone(points, *ends, *radii) for ends, radii in self._pairs()))

    def box(self) -> Box:
        """The points, wider by the largest radius."""
        return around(self.points, max(self.radii))

    def segments(self) -> list["Tube"]:
        """The cones as tubes of their own: the sum of their boxes is smaller than one box."""
        return [Tube(ends, radii) for ends, radii in self._pairs()]

    def _pairs(self) -> Iterator[tuple[tuple[Vector, Vector], tuple[float, float]]]:
        return zip(pairwise(self.points), pairwise(self.radii), strict=True)


def _cone(points: Coordinates, a: Vector, b: Vector, ra: float, rb: float) -> Field:
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    x, y, z = (axis - np.float32(p) for axis, p in zip(points, a, strict=True))
    length2 = max(ux * ux + uy * uy + uz * uz, 1e-6)
    h = np.clip((x * ux + y * uy + z * uz) / length2, 0, 1)
    apart = np.sqrt((x - h * ux) ** 2 + (y - h * uy) ** 2 + (z - h * uz) ** 2)
    return np.asarray(apart - (ra + h * (rb - ra)), np.float32)


@dataclass(frozen=True)
class Plate:
    """A triangle thickened by `radius` on every side: scapula, ilium, sacral ala."""

    corners: tuple[Vector, Vector, Vector]
    radius: float

    def distance(self, points: Coordinates) -> Field:
        """Distance to the triangle, less the radius."""
        a, b, c = (np.asarray(corner, np.float32) for corner in self.corners)
        normal = np.cross(b - a, c - a)
        normal = normal / np.linalg.norm(normal)
        x, y, z = (axis - p for axis, p in zip(points, a, strict=True))
        height = x * normal[0] + y * normal[1] + z * normal[2]
        inside = None
        for p, q in ((a, b), (b, c), (c, a)):
            out = np.cross(q - p, normal)
            edge = (points[0] - p[0]) * out[0] + (points[1] - p[1]) * out[1] + (points[2] - p[2]) * out[2] <= 0
            inside = edge if inside is None else inside & edge
        rim = Tube((*self.corners, self.corners[0]), (0.0,) * 4).distance(points)
        return np.where(inside, np.abs(height), rim) - np.float32(self.radius)

    def box(self) -> Box:
        """The corners, wider by the radius."""
        return around(self.corners, self.radius)


@dataclass(frozen=True)
class Drum:
    """An elliptic cylinder along its own z with a waist and rounded rims: a vertebral body, a disc."""

    centre: Vector
    radii: Vector
    waist: float = 0.0
    turned: Vector = (0.0, 0.0, 0.0)

    def distance(self, points: Coordinates) -> Field:
        """Distance to the side and to the end plates, rounded where they meet."""
        rx, ry, half = (np.float32(r) for r in self.radii)
        rim = np.float32(0.25) * min(half, ry)
        x, y, z = _local(points, self.centre, self.turned)
        slim = 1 - np.float32(self.waist) * np.clip(1 - (z / half) ** 2, 0, 1)
        side = (np.sqrt((x / rx) ** 2 + (y / ry) ** 2) - slim) * min(rx, ry) + rim
        end = np.abs(z) - half + rim
        outside = np.hypot(np.maximum(side, 0), np.maximum(end, 0))
        return outside + np.minimum(np.maximum(side, end), 0) - rim

    def box(self) -> Box:
        """A box that holds it however it is turned."""
        return around([self.centre], float(np.hypot(max(self.radii[:2]), self.radii[2])))


@dataclass(frozen=True)
class Stack:
    """A body of varying elliptic cross-section along z: trunk, thorax, neck.

    Attributes:
        levels: rows of z, half width, half depth, centre x, centre y, from low to high.
        power: 2 is an ellipse; more is squarer.
        inset: mm by which the body is smaller on all sides.
    """

    levels: tuple[tuple[float, float, float, float, float], ...]
    power: float = 2.0
    inset: float = 0.0

    def distance(self, points: Coordinates) -> Field:
        """First-order distance to the cross-section, or to the two ends."""
        x, y, z = points
        knots = np.asarray(self.levels, np.float64)
        a, b, cx, cy = (np.interp(z, knots[:, 0], knots[:, column]).astype(np.float32) for column in (1, 2, 3, 4))
        a, b = np.maximum(a - np.float32(self.inset), 1), np.maximum(b - np.float32(self.inset), 1)
        u, v = np.abs((x - cx) / a), np.abs((y - cy) / b)
        if self.power == 2.0:
            side = (np.sqrt(u * u + v * v) - 1) * np.minimum(a, b)
        else:
            side = ((u**self.power + v**self.power) ** np.float32(1 / self.power) - 1) * np.minimum(a, b)
        ends = np.maximum(np.float32(knots[0, 0] + self.inset) - z, z - np.float32(knots[-1, 0] - self.inset))
        return np.maximum(side, ends)

    def box(self) -> Box:
        """From the lowest to the highest level, as wide as the widest."""
        knots = np.asarray(self.levels)
        low = (knots[:, 3] - knots[:, 1]).min(), (knots[:, 4] - knots[:, 2]).min(), knots[0, 0]
        high = (knots[:, 3] + knots[:, 1]).max(), (knots[:, 4] + knots[:, 2]).max(), knots[-1, 0]
        return vector(low), vector(high)

    def shrunk(self, mm: float) -> "Stack":
        """The same body without its outer `mm`."""
        return Stack(self.levels, self.power, self.inset + mm)


@dataclass(frozen=True)
class Carved:
    """A solid without the regions of other solids: a skull around a brain, a lung around the heart."""

    solid: Shape
    holes: tuple[Shape, ...]

    def distance(self, points: Coordinates) -> Field:
        """Inside the solid and outside every hole."""
        outside = (-hole.distance(points) for hole in self.holes)
        return reduce(np.maximum, outside, self.solid.distance(points))

    def box(self) -> Box:
        """The solid's."""
        return self.solid.box()


@dataclass(frozen=True)
class Common:
    """The intersection of several solids: a dome within the cage, muscle within a limb."""

    solids: tuple[Shape, ...]

    def distance(self, points: Coordinates) -> Field:
        """Inside all of them."""
        return reduce(np.maximum, (solid.distance(points) for solid in self.solids))

    def box(self) -> Box:
        """The intersection of their boxes."""
        lows, highs = zip(*(solid.box() for solid in self.solids), strict=True)
        return vector(np.max(lows, axis=0)), vector(np.min(highs, axis=0))


@dataclass(frozen=True)
class Rippled:
    """A solid whose surface is folded: the cortex of a brain."""

    solid: Shape
    amplitude: float
    wavelength: float

    def distance(self, points: Coordinates) -> Field:
        """The solid's distance, moved in and out by a periodic fold."""
        k = np.float32(2 * np.pi / self.wavelength)
        x, y, z = (k * axis for axis in points)
        fold = np.sin(x + np.sin(y * 0.7)) * np.sin(y + np.sin(z * 0.8)) + np.sin(z + np.sin(x * 0.6))
        return self.solid.distance(points) + np.float32(self.amplitude / 2) * fold

    def box(self) -> Box:
        """The solid's, wider by the fold."""
        low, high = (np.asarray(corner) for corner in self.solid.box())
        return vector(low - self.amplitude), vector(high + self.amplitude)
