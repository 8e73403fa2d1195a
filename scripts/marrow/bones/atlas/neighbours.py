"""Finds the voxels of a grid that a transform maps next to foreground of label maps, and their neighbours in the maps.

A map of bones is mostly background. A coarse grid first gives, slab by slab, a box of the fine grid that may contain
foreground. Each voxel of the box is then mapped into the label map, and kept if one of the eight voxels around its
position is not zero. Maps on one grid are processed together, because mapping the positions takes longest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.grid import Grid
from marrow.imaging.volume import voxels

COARSE_MM = 12.0

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Box = tuple[slice, slice, slice]
Indices = tuple[npt.NDArray[np.intp], ...]


@dataclass(frozen=True)
class Neighbours:
    """The eight voxels of a map around each of some positions.

    Attributes:
        values: of the map, (2, 2, 2, voxels), z first.
        shares: fraction of the way from the first to the second of them along each axis, (3, voxels), z first.
    """

    values: Bytes
    shares: Floats


def neighbours_of(
    sources: Sequence[sitk.Image], transform: sitk.Transform, grid: Grid, threads: int
) -> Iterator[tuple[Box, Indices, list[Neighbours]]]:
    """Boxes of a grid, the voxels in each that are mapped next to foreground of any map, and their neighbours per map.

    The maps are 8-bit, all on one grid; the transform is from points of `grid` to points of the maps.
    """
    foreground = reduce(or_, (each != 0 for each in sources))
    source = Grid.of(foreground)
    # Padding at the upper ends: a position in the outer half of the last voxel has a neighbour there, of weight 0.
    maps = [np.pad(voxels(each).astype(np.uint8, copy=False), (0, 1)) for each in sources]
    occupied = _any_of_cube(np.any(maps, axis=0))
    last = np.reshape(source.size[::-1], (3, 1, 1, 1)) - 1.0
    for box in _boxes(foreground, transform, grid):
        positions = _mapped_positions(transform, _sub_grid(grid, box), source, threads)
        inside = ((positions >= -0.5) & (positions < last + 0.5)).all(axis=0)
        positions = positions.clip(0, last)
        first = positions.astype(np.intp)
        selected = np.nonzero(inside & occupied[tuple(first)])
        if len(selected[0]):
            z, y, x = first[:, *selected]
            shares = np.subtract(positions, first, dtype=np.float64)[:, *selected]
            by_map = ([values[z + k, y + j, x + i] for k, j, i in np.ndindex(2, 2, 2)] for values in maps)
            yield box, selected, [Neighbours(np.reshape(eight, (2, 2, 2, -1)), shares) for eight in by_map]


def _any_of_cube(values: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether any voxel of each cube of 2 x 2 x 2 voxels is true: (z - 1, y - 1, x - 1)."""
    for axis in range(3):
        values = np.moveaxis(values, axis, 0)
        values = np.moveaxis(values[:-1] | values[1:], 0, axis)
    return values


def _boxes(foreground: sitk.Image, transform: sitk.Transform, grid: Grid) -> Iterator[Box]:
    """Boxes of the grid (z, y, x), one per slab, that may contain foreground: found on a coarse grid, with a margin."""
    coarse = grid.isotropic(max(COARSE_MM, *grid.spacing))
    dilated = sitk.BinaryDilate(foreground, [max(1, round(COARSE_MM / mm)) for mm in foreground.GetSpacing()])
    coarse_mask = sitk.Resample(
        dilated,
        coarse.size,
        transform,
        sitk.sitkNearestNeighbor,
        coarse.origin,
        coarse.spacing,
        coarse.direction,
    )
    is_foreground = voxels(coarse_mask) != 0
    middles = np.arange(1, len(is_foreground)) - 0.5  # between two slabs
    bounds = np.ceil(_along(grid, coarse, middles, axis=2)).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise((0, *bounds, grid.size[2]))):
        occupied = is_foreground[max(number - 1, 0) : number + 2].any(axis=0)
        if occupied.any():
            y, x = (_bounds(grid, coarse, np.flatnonzero(occupied.any(axis=axis)), axis) for axis in (1, 0))
            yield slice(start, stop), y, x


def _bounds(grid: Grid, coarse: Grid, occupied: npt.NDArray[np.intp], axis: int) -> slice:
    """The part of the grid's axis (x is 0) around indices of the coarse grid, with a margin of one coarse voxel."""
    low, high = _along(grid, coarse, np.array([occupied[0] - 1.0, occupied[-1] + 1.0]), axis).tolist()
    return slice(max(int(np.floor(low)), 0), min(int(np.ceil(high)) + 1, grid.size[axis]))


def _along(grid: Grid, coarse: Grid, indices: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
    """Indices along an axis (x is 0) of the coarse grid, converted to the grid, whose axes are parallel."""
    return ((indices + 0.5) * coarse.spacing[axis]) / grid.spacing[axis] - 0.5


def _sub_grid(grid: Grid, box: Box) -> Grid:
    first = [side.start for side in box][::-1]
    size = tuple(side.stop - side.start for side in box)[::-1]
    return Grid(size, grid.spacing, tuple(grid.points([first])[0].tolist()), grid.direction)


def _mapped_positions(transform: sitk.Transform, grid: Grid, source: Grid, threads: int) -> Floats:
    """The positions of a grid's voxels in `source`, as its fractional indices: (3, z, y, x), z first."""
    displace = sitk.TransformToDisplacementFieldFilter()
    displace.SetNumberOfThreads(threads)
    displace.SetSize(grid.size)
    displace.SetOutputOrigin(grid.origin)
    displace.SetOutputSpacing(grid.spacing)
    displace.SetOutputDirection(grid.direction)
    displacement = sitk.GetArrayFromImage(displace.Execute(transform))
    x, y, z = (step * np.arange(count)[:, None] for step, count in zip(_steps(grid).T, grid.size, strict=True))
    start = np.array(grid.origin) - source.origin
    points = z[:, None, None] + (y[:, None] + (x + start)) + displacement
    to_index = np.linalg.inv(_steps(source))[::-1]
    return (to_index @ points.reshape(-1, 3).T).reshape(3, *points.shape[:3])


def _steps(grid: Grid) -> Floats:
    """The vectors in millimetres from a voxel to the next along each axis, as columns: (3, 3), x first."""
    return np.reshape(grid.direction, (3, 3)) * grid.spacing
