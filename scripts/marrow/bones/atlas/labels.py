"""Resamples label maps through a transform, with linear interpolation of each label's share.

Each voxel takes the label with the largest interpolated share among the eight neighbours of its position; of equal
shares the lower label wins. So a coarse atlas has smooth surfaces on a fine grid instead of steps. ITK's
`sitkLabelLinear` computes the share of every label for every voxel. Bones are a few percent of a grid: here only voxels
next to bone are computed (`neighbours`), and only for labels among their neighbours, which takes a tenth of the time.
Shares are summed in ITK's order, so that the labels are the same.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.bones.atlas.neighbours import Bytes, Floats, Neighbours, neighbours_of
from marrow.imaging.grid import Grid


def warped_labels(labels: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> Bytes:
    """Labels on a grid (z, y, x), 0 outside the map; `transform` maps points of the grid to points of the map."""
    return _warped([labels], transform, grid, threads, [_label_of_largest_share])[0]


def warped_atlas(
    labels: sitk.Image, percent: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int
) -> tuple[Bytes, Bytes]:
    """Labels as from `warped_labels`, and percentages on the same grid, interpolated linearly and rounded down."""
    bones, agreement = _warped([labels, percent], transform, grid, threads, [_label_of_largest_share, _linear])
    return bones, agreement


def in_field_of_view(source: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> npt.NDArray[np.bool_]:
    """Which voxels of a grid (z, y, x) the transform maps into the field of view of `source`."""
    ones = sitk.Image(source.GetSize(), sitk.sitkUInt8) + 1
    ones.CopyInformation(source)
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfThreads(threads)
    resample.SetSize(grid.size)
    resample.SetOutputOrigin(grid.origin)
    resample.SetOutputSpacing(grid.spacing)
    resample.SetOutputDirection(grid.direction)
    resample.SetTransform(transform)
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    return sitk.GetArrayFromImage(resample.Execute(ones)) != 0


def _warped(
    sources: Sequence[sitk.Image],
    transform: sitk.Transform,
    grid: Grid,
    threads: int,
    values: Sequence[Callable[[Neighbours], Bytes]],
) -> list[Bytes]:
    results = [np.zeros(grid.size[::-1], np.uint8) for _ in sources]
    for box, voxels, of_maps in neighbours_of(sources, transform, grid, threads):
        for result, value, neighbours in zip(results, values, of_maps, strict=True):
            result[box][voxels] = value(neighbours)
    return results


def _linear(neighbours: Neighbours) -> Bytes:
    return _interpolated(neighbours.values.astype(np.float64), neighbours.shares).astype(np.uint8)


def _label_of_largest_share(neighbours: Neighbours) -> Bytes:
    """The label with the largest share, (voxels,)."""
    largest = np.zeros(neighbours.shares.shape[1])
    winner = np.zeros(neighbours.shares.shape[1], np.uint8)
    for label in np.unique(neighbours.values):
        is_label = neighbours.values == label
        candidates = np.flatnonzero(is_label.any(axis=(0, 1, 2)))
        share = _interpolated(is_label[..., candidates].astype(np.float64), neighbours.shares[:, candidates])
        larger = share > largest[candidates]
        largest[candidates[larger]] = share[larger]
        winner[candidates[larger]] = label
    return winner


def _interpolated(values: Floats, shares: Floats) -> Floats:
    """Linear interpolation of values (2, 2, 2, voxels): along x, then y, then z, in ITK's order of summation."""
    for share in shares[::-1]:
        first, second = values[..., 0, :], values[..., 1, :]
        values = first + (second - first) * share
    return values
