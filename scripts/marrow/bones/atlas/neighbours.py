"""Which voxels of a grid come, through a transform, to lie next to something in maps, and between which of theirs.

A map of bones is empty for the most part. A coarse grid tells first, slab by slab, in which box of the fine one there
can be something; each voxel there is then brought to its place in the map, and kept if one of the eight voxels about
that place is not zero. Maps on one grid are asked together: where voxels come to lie takes longest to work out.
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
Numbers = tuple[npt.NDArray[np.intp], ...]


@dataclass(frozen=True)
class Neighbours:
    """The eight voxels of a map about the places of some voxels.

    Attributes:
        values: of the map, (2, 2, 2, voxels), z first.
        shares: how far each place lies from the first to the second of them, (3, voxels), z first.
    """

    values: Bytes
    shares: Floats


def near(
    sources: Sequence[sitk.Image], transform: sitk.Transform, grid: Grid, threads: int
) -> Iterator[tuple[Box, Numbers, list[Neighbours]]]:
    """Boxes of a grid, the voxels in each that have something next to them in any map, and each map's eight voxels.

    Args:
        sources: the maps, 8-bit, all on one grid.
        transform: from points of the grid to points of the maps.
        grid: the grid.
        threads: what may be used.
    """
    something = reduce(or_, (each != 0 for each in sources))
    source = Grid.of(something)
    # One voxel more at the upper ends: the last one reaches half its width further, where the next has no weight.
    maps = [np.pad(voxels(each).astype(np.uint8, copy=False), (0, 1)) for each in sources]
    occupied = _any_of_eight(np.any(maps, axis=0))
    last = np.reshape(source.size[::-1], (3, 1, 1, 1)) - 1.0
    for box in _boxes(something, transform, grid):
        places = _places(transform, _part(grid, box), source, threads)
        inside = ((places >= -0.5) & (places < last + 0.5)).all(axis=0)
        places = places.clip(0, last)
        first = places.astype(np.intp)
        found = np.nonzero(inside & occupied[tuple(first)])
        if len(found[0]):
            z, y, x = first[:, *found]
            shares = np.subtract(places, first, dtype=np.float64)[:, *found]
            about = ([values[z + k, y + j, x + i] for k, j, i in np.ndindex(2, 2, 2)] for values in maps)
            yield box, found, [Neighbours(np.reshape(eight, (2, 2, 2, -1)), shares) for eight in about]


def _any_of_eight(found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether a voxel (z, y, x) or one of those after it along the axes is true; one fewer along each axis."""
    for axis in range(3):
        found = np.moveaxis(found, axis, 0)
        found = np.moveaxis(found[:-1] | found[1:], 0, axis)
    return found


def _boxes(something: sitk.Image, transform: sitk.Transform, grid: Grid) -> Iterator[Box]:
    """Boxes of the grid (z, y, x), one a slab, that may hold something: what a coarse grid finds, and a voxel more."""
    coarse = grid.isotropic(max(COARSE_MM, *grid.spacing))
    widest = sitk.BinaryDilate(something, [max(1, round(COARSE_MM / mm)) for mm in something.GetSpacing()])
    drawn = sitk.Resample(
        widest,
        coarse.size,
        transform,
        sitk.sitkNearestNeighbor,
        coarse.origin,
        coarse.spacing,
        coarse.direction,
    )
    found = voxels(drawn) != 0
    middles = np.arange(1, len(found)) - 0.5  # between two slabs
    bounds = np.ceil(_along(grid, coarse, middles, axis=2)).astype(int).tolist()
    for number, (start, stop) in enumerate(pairwise((0, *bounds, grid.size[2]))):
        flat = found[max(number - 1, 0) : number + 2].any(axis=0)
        if flat.any():
            y, x = (_reach(grid, coarse, np.flatnonzero(flat.any(axis=axis)), axis) for axis in (1, 0))
            yield slice(start, stop), y, x


def _reach(grid: Grid, coarse: Grid, some: npt.NDArray[np.intp], axis: int) -> slice:
    """The part of the grid's axis (x is 0) about some numbers along the coarse one's, with one of its voxels around."""
    low, high = _along(grid, coarse, np.array([some[0] - 1.0, some[-1] + 1.0]), axis).tolist()
    return slice(max(int(np.floor(low)), 0), min(int(np.ceil(high)) + 1, grid.size[axis]))


def _along(grid: Grid, coarse: Grid, numbers: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
    """Numbers along an axis (x is 0) of the coarse grid as numbers along that of the grid, whose axes are parallel."""
    return ((numbers + 0.5) * coarse.spacing[axis]) / grid.spacing[axis] - 0.5


def _part(grid: Grid, box: Box) -> Grid:
    first = [side.start for side in box][::-1]
    size = tuple(side.stop - side.start for side in box)[::-1]
    return Grid(size, grid.spacing, tuple(grid.points([first])[0].tolist()), grid.direction)


def _places(transform: sitk.Transform, grid: Grid, source: Grid, threads: int) -> Floats:
    """Where voxels of a grid lie in `source`, in its voxels: (3, z, y, x), z first."""
    displace = sitk.TransformToDisplacementFieldFilter()
    displace.SetNumberOfThreads(threads)
    displace.SetSize(grid.size)
    displace.SetOutputOrigin(grid.origin)
    displace.SetOutputSpacing(grid.spacing)
    displace.SetOutputDirection(grid.direction)
    displacement = sitk.GetArrayFromImage(displace.Execute(transform))
    x, y, z = (step * np.arange(count)[:, None] for step, count in zip(_steps(grid).T, grid.size, strict=True))
    start = np.array(grid.origin) - source.origin
    moved = z[:, None, None] + (y[:, None] + (x + start)) + displacement
    back = np.linalg.inv(_steps(source))[::-1]
    return (back @ moved.reshape(-1, 3).T).reshape(3, *moved.shape[:3])


def _steps(grid: Grid) -> Floats:
    """Millimetres from a voxel to the next along each axis, as columns, (3, 3), x first."""
    return np.reshape(grid.direction, (3, 3)) * grid.spacing
