"""Composes the stations of a contrast into one volume, by their positions in the patient.

The composed grid is that of the reference station, extended along all axes to contain every station. Stations on the
same lattice keep their voxel values, others are interpolated linearly. In an overlap each station's weight falls
linearly towards its end, where coil sensitivity and gradient linearity are worst.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.grid import Grid, resample
from marrow.imaging.volume import FloatArray, intensities, voxels

SAME_LATTICE = 1e-4  # mm, cosines and voxels; ITK computes with the same

Box = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Slab:
    """A station on the composed grid.

    Attributes:
        start: the row (along z) of the grid where the slab begins.
        array: `(z, y, x)`, over the whole grid in x and y; NaN where the station has no voxel.
    """

    start: int
    array: FloatArray

    @property
    def is_whole(self) -> bool:
        """Whether the station has every voxel of its rows."""
        return not np.isnan(self.array).any()

    @property
    def stop(self) -> int:
        """The row after the last one."""
        return self.start + self.array.shape[0]


def reference_station(stations: Sequence[sitk.Image]) -> int:
    """The station nearest to the middle: it shows the torso, and the chains of links to both ends are shortest."""
    ranges = [height_range(station) for station in stations]
    centre = (min(low for low, _ in ranges) + max(high for _, high in ranges)) / 2
    return min(range(len(stations)), key=lambda index: abs(sum(ranges[index]) / 2 - centre))


def middle(image: sitk.Image) -> tuple[float, ...]:
    """The centre of an image in the patient, mm."""
    return image.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in image.GetSize()])


def outer_box(image: sitk.Image) -> Box:
    """The lowest and the highest corner of an image's outer faces, mm, `(3,)` each."""
    ends = product(*((-0.5, size - 0.5) for size in image.GetSize()))
    corners = [image.TransformContinuousIndexToPhysicalPoint(end) for end in ends]
    return np.min(corners, axis=0), np.max(corners, axis=0)


def height_range(image: sitk.Image) -> tuple[float, float]:
    """Lowest and highest z of an image's outer faces, mm."""
    low, high = outer_box(image)
    return float(low[2]), float(high[2])


def composed_grid(stations: Sequence[sitk.Image], reference: int) -> Grid:
    """The grid of the reference station, extended to hold the voxel centres of all."""
    frame = stations[reference]
    corners = np.array([_to_index(frame, station, corner) for station in stations for corner in _corners(station)])
    first = np.round(corners.min(axis=0)).astype(int)
    last = np.round(corners.max(axis=0)).astype(int)
    x, y, z = (int(n) for n in last - first + 1)
    origin = frame.TransformContinuousIndexToPhysicalPoint([float(index) for index in first])
    return Grid((x, y, z), tuple(frame.GetSpacing()), tuple(origin), tuple(frame.GetDirection()))


def place_stations(stations: Sequence[sitk.Image], grid: Grid) -> list[Slab]:
    """Every station on the composed grid, interpolated linearly if its lattice differs."""
    frame = grid.image(np.zeros((1, 1, 1), np.float32))
    return [_slab(station, frame, grid) for station in stations]


def feather(slabs: Sequence[Slab]) -> list[FloatArray]:
    """The weight of each row of each slab: 1 outside overlaps, falling linearly towards the slab's end in an overlap.

    Where two slabs overlap, their weights add up to 1. Slabs are from the feet to the head.
    """
    weights = [np.ones(slab.stop - slab.start, dtype=np.float32) for slab in slabs]
    for upper in range(len(slabs)):
        for lower in range(upper):
            first, after = shared_rows(slabs[lower], slabs[upper])
            if first >= after:
                continue
            rise = np.arange(1, after - first + 1, dtype=np.float32) / (after - first + 1)
            for index, ramp in ((upper, rise), (lower, rise[::-1])):
                rows = slice(first - slabs[index].start, after - slabs[index].start)
                weights[index][rows] = np.minimum(weights[index][rows], ramp)
    return weights


def shared_rows(a: Slab, b: Slab) -> tuple[int, int]:
    """First row that two slabs share, and the row after the last; empty when the second is not above the first."""
    return max(a.start, b.start), min(a.stop, b.stop)


def compose(slabs: Sequence[Slab], gains: Sequence[float], grid: Grid) -> sitk.Image:
    """One volume of all slabs on `grid`, each multiplied by its gain; 0 where no station has a voxel."""
    are_whole = [slab.is_whole for slab in slabs]
    total = np.zeros(grid.size[::-1], dtype=np.float32)
    weight = np.zeros((grid.size[2], 1, 1) if all(are_whole) else grid.size[::-1], dtype=np.float32)
    for slab, gain, rows, is_whole in zip(slabs, gains, feather(slabs), are_whole, strict=True):
        share, place = rows[:, None, None], slice(slab.start, slab.stop)
        if is_whole:
            total[place] += slab.array * (share * np.float32(gain))
            weight[place] += share
            continue
        present = ~np.isnan(slab.array)
        total[place] += np.where(present, slab.array * np.float32(gain), np.float32(0)) * (present * share)
        weight[place] += present * share
    np.divide(total, weight, out=total, where=weight > 0)
    return grid.image(_with_lone_rows_filled(total, weight))


def _with_lone_rows_filled(array: FloatArray, weight: FloatArray) -> FloatArray:
    """Fill single rows without data by the mean of both neighbours: stations that hardly touch leave such rows."""
    has_data = np.asarray((weight > 0).any(axis=(1, 2)), dtype=np.bool_)
    filled = array.copy() if not has_data.all() else array
    for row in np.flatnonzero(~has_data):
        if 0 < row < len(array) - 1 and has_data[row - 1] and has_data[row + 1]:
            filled[row] = (array[row - 1] + array[row + 1]) / 2
    return filled


def _slab(station: sitk.Image, frame: sitk.Image, grid: Grid) -> Slab:
    corners = np.array([_to_index(frame, station, corner) for corner in _corners(station)])
    if _is_on_lattice(station, grid, corners[0]):
        return _picked(station, grid, [round(index) for index in corners[0]])
    start, last = max(0, round(corners[:, 2].min())), min(grid.size[2] - 1, round(corners[:, 2].max()))
    origin = frame.TransformIndexToPhysicalPoint([0, 0, start])
    rows = Grid((*grid.size[:2], last - start + 1), grid.spacing, tuple(origin), grid.direction)
    placed = resample(station, rows, sitk.sitkLinear, float("nan"), sitk.sitkFloat32)
    return Slab(start, intensities(placed))


def _is_on_lattice(station: sitk.Image, grid: Grid, first: npt.NDArray[np.float64]) -> bool:
    """Whether the voxels of a station, whose first one has the index `first`, are voxels of the grid."""
    same = np.allclose(station.GetSpacing(), grid.spacing, rtol=0, atol=SAME_LATTICE) and np.allclose(
        station.GetDirection(), grid.direction, rtol=0, atol=SAME_LATTICE
    )
    return same and np.allclose(first, np.rint(first), rtol=0, atol=SAME_LATTICE)


def _picked(station: sitk.Image, grid: Grid, first: Sequence[int]) -> Slab:
    """A station on the grid's lattice: its own voxels."""
    x, y, z = first
    width, height, rows = station.GetSize()
    if (width, height) == grid.size[:2]:
        return Slab(z, np.asarray(voxels(station), np.float32))  # a view: slabs are only read
    array = np.full((rows, grid.size[1], grid.size[0]), np.nan, np.float32)
    array[:, y : y + height, x : x + width] = voxels(station)
    return Slab(z, array)


def _corners(image: sitk.Image) -> list[list[int]]:
    return [
        [side * (size - 1) for side, size in zip(corner, image.GetSize(), strict=True)]
        for corner in product((0, 1), repeat=3)
    ]


def _to_index(frame: sitk.Image, image: sitk.Image, index: list[int]) -> tuple[float, ...]:
    return frame.TransformPhysicalPointToContinuousIndex(image.TransformIndexToPhysicalPoint(index))
