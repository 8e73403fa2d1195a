"""Label maps through a transform, smooth where voxels shrink.

Each voxel takes the label with the largest share in linear interpolation between the eight neighbours of its place, so
a coarse atlas gets slanted faces on a fine grid instead of steps. Only the part of the grid that holds labels (found on
a coarse grid first) is computed, which halves the time of a whole-body scan.
"""

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.grid import Grid

COARSE_MM = 12.0


def warped_labels(labels: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> npt.NDArray[np.uint8]:
    """Labels on a grid (z, y, x), 0 outside of the map; `transform` maps points of the grid to points of the map."""
    return _in_box(labels, transform, grid, sitk.sitkLabelLinear, threads, _box(labels, transform, grid))


def warped_percent(percent: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> npt.NDArray[np.uint8]:
    """Percentages on a grid (z, y, x), linear between voxels, 0 outside of the map."""
    return _in_box(percent, transform, grid, sitk.sitkLinear, threads, _box(percent, transform, grid))


def reached(source: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> npt.NDArray[np.bool_]:
    """Which voxels of a grid (z, y, x) come from within the field of view of `source`."""
    everywhere = sitk.Image(source.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(source)
    return _resampled(everywhere, transform, grid, sitk.sitkNearestNeighbor, threads) != 0


def _box(source: sitk.Image, transform: sitk.Transform, grid: Grid) -> tuple[slice, ...]:
    """The part of the grid (z, y, x) that may hold something: nonzero voxels of a coarse grid, and one more around."""
    coarse = grid.isotropic(max(COARSE_MM, *grid.spacing))
    widest = sitk.GrayscaleDilate(source, [max(1, round(COARSE_MM / mm)) for mm in source.GetSpacing()])
    found = np.argwhere(_resampled(widest, transform, coarse, sitk.sitkNearestNeighbor, 1))
    if not len(found):
        return (slice(0, 0),) * 3
    ends = grid.indices(coarse.points(np.array([found.min(0) - 1.0, found.max(0) + 1.0])[:, ::-1]))[:, ::-1]
    low = np.clip(np.floor(ends[0]), 0, None).astype(int).tolist()
    high = np.minimum(np.ceil(ends[1]).astype(int) + 1, grid.size[::-1]).tolist()
    return tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))


def _in_box(
    source: sitk.Image, transform: sitk.Transform, grid: Grid, interpolator: int, threads: int, box: tuple[slice, ...]
) -> npt.NDArray[np.uint8]:
    whole = np.zeros(grid.size[::-1], np.uint8)
    first = [part.start for part in box][::-1]
    size = tuple(part.stop - part.start for part in box)[::-1]
    if all(size):
        part = Grid(size, grid.spacing, tuple(grid.points([first])[0].tolist()), grid.direction)
        whole[box] = _resampled(source, transform, part, interpolator, threads)
    return whole


def _resampled(
    source: sitk.Image, transform: sitk.Transform, grid: Grid, interpolator: int, threads: int
) -> npt.NDArray[np.uint8]:
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfThreads(threads)
    resample.SetSize(grid.size)
    resample.SetOutputOrigin(grid.origin)
    resample.SetOutputSpacing(grid.spacing)
    resample.SetOutputDirection(grid.direction)
    resample.SetTransform(transform)
    resample.SetInterpolator(interpolator)
    return sitk.GetArrayFromImage(resample.Execute(source))
