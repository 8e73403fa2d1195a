"""One isotropic grid for all contrasts of a scan, and resampling onto it in physical coordinates.

The grid has the directions and the field of view of the water image, divided into cubes. The outer faces of the first
voxels coincide (their centres do not, if voxel sizes differ), so that grids of different spacing cover the same
anatomy.

If voxels become larger, the image is smoothed first, since detail finer than the new grid would alias. The width
follows Cardoso, Modat, Vercauteren and Ourselin, "Scale factor point spread function matching: beyond aliasing in image
resampling" (MICCAI 2015): an image of spacing s is modelled as blurred by a Gaussian of full width s at half maximum,
and one of spacing t should be blurred by a Gaussian of full width t. Variances add, so the additional smoothing has

    sigma = sqrt(t^2 - s^2) / (2 sqrt(2 ln 2))        [mm], along each axis of the image on its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

# Deviations below this share of a voxel are rounding errors of image headers.
ROUNDING = 1e-3

_RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0])
FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True)
class Grid:
    """The geometry of an image: position, size and orientation of its voxels, in ITK's coordinates (LPS).

    Attributes:
        size: voxels along each axis, (x, y, z).
        spacing: millimetres between voxel centres along each axis.
        origin: the centre of the first voxel, in millimetres.
        direction: the axes' unit vectors as the columns of a 3 x 3 matrix, row after row.
    """

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """4 x 4, from a voxel (i, j, k) to NIfTI's world in millimetres.

        NIfTI counts to the patient's right, front and head (RAS), ITK to the left, back and head (LPS); so the first
        two coordinates change their sign.
        """
        affine = np.eye(4)
        affine[:3, :3] = _RAS_FROM_LPS @ np.reshape(self.direction, (3, 3)) * self.spacing
        affine[:3, 3] = _RAS_FROM_LPS @ self.origin
        return affine

    @classmethod
    def of(cls, image: sitk.Image) -> "Grid":
        """The grid of an image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    def image(self, array: npt.NDArray[np.generic]) -> sitk.Image:
        """The image of an array (z, y, x) on this grid."""
        image = sitk.GetImageFromArray(array)
        image.SetOrigin(self.origin)
        image.SetSpacing(self.spacing)
        image.SetDirection(self.direction)
        return image

    @classmethod
    def in_file(cls, path: Path) -> "Grid":
        """The grid of the image in a file, from its header alone."""
        header = sitk.ImageFileReader()
        header.SetFileName(str(path))
        header.ReadImageInformation()
        return cls(header.GetSize(), header.GetSpacing(), header.GetOrigin(), header.GetDirection())

    def isotropic(self, spacing_mm: float) -> "Grid":
        """The grid of cubes in the same field of view: all cubes with their centre inside, at least one per axis."""
        cubes = np.multiply(self.size, self.spacing) / spacing_mm
        size = tuple(max(1, math.floor(count + 0.5 - ROUNDING)) for count in cubes.tolist())
        shift = (spacing_mm - np.array(self.spacing)) / 2
        origin = np.array(self.origin) + self._axes() @ shift
        return Grid(size, (spacing_mm,) * len(size), tuple(origin.tolist()), self.direction)

    def points(self, indices: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Voxel indices (points, 3), x first, to millimetres (points, 3)."""
        return np.asarray(self.origin) + (np.asarray(indices) * self.spacing) @ self._axes().T

    def indices(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Millimetres (points, 3) to fractional voxel indices (points, 3), x first."""
        return (np.asarray(points) - self.origin) @ np.linalg.inv(self._axes()).T / self.spacing

    def contains(self, points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which points (points, 3), in millimetres, are inside a voxel: (points,)."""
        indices = self.indices(points)
        edge = 0.5 + ROUNDING
        return np.all((indices >= -edge) & (indices <= np.array(self.size) - 1 + edge), axis=1)

    def covers(self, other: "Grid") -> bool:
        """Whether every voxel centre of another grid is in a voxel of this one (grids are convex: corners suffice)."""
        corners = list(product(*((0, count - 1) for count in other.size)))
        return bool(self.contains(other.points(corners)).all())

    def _axes(self) -> npt.NDArray[np.float64]:
        return np.reshape(self.direction, (3, 3))


def smoothing_sigma(spacing_mm: float, target_mm: float, above_ratio: float) -> float:
    """Sigma in millimetres of the smoothing along an axis; 0 if spacing grows by a factor of `above_ratio` or less."""
    if target_mm <= spacing_mm * max(above_ratio, 1.0):
        return 0.0
    return math.sqrt(target_mm**2 - spacing_mm**2) / FWHM_PER_SIGMA


def resample_linear(image: sitk.Image, grid: Grid, smooth_above_ratio: float) -> sitk.Image:
    """Resample an image to an isotropic grid linearly, with smoothing along axes whose voxels grow; 0 outside."""
    target_mm = grid.spacing[0]  # a cube's width does not depend on the direction
    sigmas = [smoothing_sigma(spacing, target_mm, smooth_above_ratio) for spacing in image.GetSpacing()]
    return resample(_smoothed(image, sigmas), grid, sitk.sitkLinear)


def resample_nearest(image: sitk.Image, grid: Grid) -> sitk.Image:
    """Resample labels or a mask to a grid by nearest neighbour; 0 outside the image."""
    source = Grid.of(image)
    if source.direction == grid.direction and source.covers(grid):
        return _picked_nearest(image, source, grid)
    return resample(image, grid, sitk.sitkNearestNeighbor)


def acquired_part(image: sitk.Image, grid: Grid) -> npt.NDArray[np.bool_]:
    """Which voxels of a grid (z, y, x) have their centre in the field of view of an image."""
    everywhere = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    everywhere.CopyInformation(image)
    return sitk.GetArrayFromImage(resample_nearest(everywhere, grid)) != 0


def resample(
    image: sitk.Image, grid: Grid, interpolator: int, outside: float = 0.0, pixel_type: int | None = None
) -> sitk.Image:
    """Resample an image to a grid, in its own pixel type by default."""
    kind = image.GetPixelID() if pixel_type is None else pixel_type
    return sitk.Resample(
        image, grid.size, sitk.Transform(), interpolator, grid.origin, grid.spacing, grid.direction, outside, kind
    )


def _smoothed(image: sitk.Image, sigmas: Sequence[float]) -> sitk.Image:
    if not any(sigmas):
        return image
    # Sigmas are near half a voxel: the discrete Gaussian kernel is accurate there, the recursive filter is not.
    variances = [sigma**2 for sigma in sigmas]
    return sitk.DiscreteGaussian(image, variances, maximumError=0.001, useImageSpacing=True)


def _picked_nearest(image: sitk.Image, source: Grid, grid: Grid) -> sitk.Image:
    """Nearest neighbours for parallel axes, by indexing along each axis: 15 times faster than general resampling."""
    diagonal = np.arange(max(grid.size))[:, np.newaxis].repeat(3, axis=1)
    nearest = np.floor(source.indices(grid.points(diagonal)) + 0.5).astype(np.intp)
    x, y, z = (
        column[:count].clip(0, most - 1) for column, count, most in zip(nearest.T, grid.size, source.size, strict=True)
    )
    return grid.image(sitk.GetArrayViewFromImage(image).take(y, axis=1).take(x, axis=2).take(z, axis=0))
