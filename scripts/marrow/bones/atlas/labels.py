"""Label maps through a transform, smooth where voxels shrink.

Each voxel takes the label with the largest share in linear interpolation between the eight neighbours of its place, so
a coarse atlas gets slanted faces on a fine grid instead of steps; of equal shares the lower label wins. ITK's own
interpolation of labels asks every voxel for the share of every label. Bones are a few percent of a grid: here only
voxels next to one are asked (`neighbours`), and for the labels next to them alone, which takes a tenth of the time.
Shares are added up in ITK's order, so the labels are the same.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.bones.atlas.neighbours import Bytes, Floats, Neighbours, near
from marrow.imaging.grid import Grid


def warped_labels(labels: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> Bytes:
    """Labels on a grid (z, y, x), 0 outside of the map; `transform` maps points of the grid to points of the map."""
    return _warped([labels], transform, grid, threads, [_largest])[0]


def warped_atlas(
    labels: sitk.Image, percent: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int
) -> tuple[Bytes, Bytes]:
    """Labels like `warped_labels`, and percentages of the same grid, linear between voxels and cut to whole ones."""
    drawn, agreed = _warped([labels, percent], transform, grid, threads, [_largest, _linear])
    return drawn, agreed


def reached(source: sitk.Image, transform: sitk.Transform, grid: Grid, threads: int) -> npt.NDArray[np.bool_]:
    """Which voxels of a grid (z, y, x) come from within the field of view of `source`."""
    everywhere = sitk.Image(source.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(source)
    resample = sitk.ResampleImageFilter()
    resample.SetNumberOfThreads(threads)
    resample.SetSize(grid.size)
    resample.SetOutputOrigin(grid.origin)
    resample.SetOutputSpacing(grid.spacing)
    resample.SetOutputDirection(grid.direction)
    resample.SetTransform(transform)
    resample.SetInterpolator(sitk.sitkNearestNeighbor)
    return sitk.GetArrayFromImage(resample.Execute(everywhere)) != 0


def _warped(
    sources: Sequence[sitk.Image],
    transform: sitk.Transform,
    grid: Grid,
    threads: int,
    values: Sequence[Callable[[Neighbours], Bytes]],
) -> list[Bytes]:
    wholes = [np.zeros(grid.size[::-1], np.uint8) for _ in sources]
    for box, voxels, about in near(sources, transform, grid, threads):
        for whole, value, neighbours in zip(wholes, values, about, strict=True):
            whole[box][voxels] = value(neighbours)
    return wholes


def _linear(neighbours: Neighbours) -> Bytes:
    return _interpolated(neighbours.values.astype(np.float64), neighbours.shares).astype(np.uint8)


def _largest(neighbours: Neighbours) -> Bytes:
    """The label with the largest share, (voxels,)."""
    most = np.zeros(neighbours.shares.shape[1])
    winner = np.zeros(neighbours.shares.shape[1], np.uint8)
    for label in np.unique(neighbours.values):
        held = neighbours.values == label
        some = np.flatnonzero(held.any(axis=(0, 1, 2)))
        share = _interpolated(held[..., some].astype(np.float64), neighbours.shares[:, some])
        more = share > most[some]
        most[some[more]] = share[more]
        winner[some[more]] = label
    return winner


def _interpolated(values: Floats, shares: Floats) -> Floats:
    """Linear between values (2, 2, 2, voxels): along x, then y, then z, as ITK adds up."""
    for share in shares[::-1]:
        first, second = values[..., 0, :], values[..., 1, :]
        values = first + (second - first) * share
    return values
