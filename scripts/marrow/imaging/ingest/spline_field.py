"""Smooth fields over a grid of voxels: uniform cubic B-splines on a lattice of control points.

A lattice spans the grid from its first voxel to its last, so that it can be evaluated on coarse and fine grids of the
same image. On a grid, the weights of a spline are products of one factor per axis. Every sum here is therefore three
small matrix products instead of a sum of 64 weights for each voxel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Lattice = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

Real = TypeVar("Real", np.float32, np.float64)

ORDER = 3
_AT_END = 1e-3  # of a voxel: the last voxel is evaluated so far before the end, as in ITK
_LEAST_WEIGHT = 1e-8  # a control point with a smaller total weight has no voxels


@dataclass(frozen=True)
class SplineFit:
    """Fits lattices to values inside a mask `(z, y, x)` on one grid (Lee, Wolberg and Shin 1997, equations 3 to 5).

    `weights` has for each axis the weight of each control point in each voxel: `(voxels, points)`.
    """

    inside: npt.NDArray[np.bool_]
    weights: tuple[Matrix, ...]

    @classmethod
    def of(cls, inside: npt.NDArray[np.bool_], points: Sequence[int]) -> "SplineFit":
        """A fit of lattices of so many `points` `(z, y, x)`."""
        return cls(inside, tuple(spline_weights(*pair) for pair in zip(inside.shape, points, strict=True)))

    def totals(self) -> Lattice:
        """The total of each control point: its squared weights, summed over the voxels inside."""
        return _along_axes(self.inside.astype(np.float64), [(weight**2).T for weight in self.weights])

    def fit(self, values: npt.NDArray[np.float64], totals: Lattice) -> Lattice:
        """The lattice of `values` `(z, y, x)`, which are 0 outside; 0 at control points without voxels."""
        shares = [(weight**3 / (weight**2).sum(axis=1, keepdims=True)).T for weight in self.weights]
        return np.divide(_along_axes(values, shares), totals, out=np.zeros_like(totals), where=totals > _LEAST_WEIGHT)

    def field(self, lattice: Lattice) -> npt.NDArray[np.float64]:
        """The field of a lattice on this grid: `(z, y, x)`."""
        return _along_axes(lattice, self.weights)


def field_on_grid(lattice: Lattice, shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """The field of a lattice on a grid of `shape` `(z, y, x)`, from its first voxel to its last."""
    weights = [spline_weights(*pair).astype(np.float32) for pair in zip(shape, lattice.shape, strict=True)]
    return _along_axes(lattice.astype(np.float32), weights)


def refined(lattice: Lattice) -> Lattice:
    """The same field on a lattice of half the spacing: `n` control points along an axis become `2 n - 3`."""
    return _along_axes(lattice, [_halving(points) for points in lattice.shape])


def spline_weights(voxels: int, points: int) -> Matrix:
    """The weight of each of `points` control points in each of `voxels` voxels: `(voxels, points)`, rows sum to 1."""
    spans, steps = points - ORDER, max(voxels - 1, 1)
    position = np.arange(voxels) * (spans / steps)
    position = np.minimum(position, spans - _AT_END * spans / steps)
    first = position.astype(np.intp)
    u = position - first
    cubic = np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1) / 6
    weights = np.zeros((voxels, points))
    weights[np.arange(voxels)[:, None], first[:, None] + np.arange(ORDER + 1)] = cubic
    return weights


def _halving(points: int) -> Matrix:
    """The matrix of control points at half the spacing: midpoints, and weights of 1, 6, 1 eighths between them."""
    halving = np.zeros((2 * points - ORDER, points))
    for row in range(len(halving)):
        taps = (0.125, 0.75, 0.125) if row % 2 else (0.5, 0.5)
        halving[row, row // 2 : row // 2 + len(taps)] = taps
    return halving


def _along_axes(array: npt.NDArray[Real], matrices: Sequence[npt.NDArray[Real]]) -> npt.NDArray[Real]:
    """Every axis of an array multiplied by its matrix `(new, old)`: `(new z, new y, new x)`."""
    # Each product moves the first axis to the end, so after all of them the axes are in order again.
    return reduce(lambda result, matrix: np.tensordot(result, matrix, axes=(0, 1)), matrices, array)
