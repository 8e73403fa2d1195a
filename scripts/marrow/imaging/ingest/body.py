"""Body segmentation: a mask on the grid of the contrast with the role grid, from it or from water and fat together.

The sum of fat and water has signal in every soft tissue and does not change if the two are swapped. It is thresholded
by Otsu's method (1979) on the logarithm: the body's intensities span a decade, from muscle far from a coil to fat next
to one, and on a linear scale the threshold would separate tissues instead of body and air.

The mask is computed on a coarse grid: it needs no accuracy of 1 mm, and would take longer than composing the scan.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import SimpleITK as sitk

from marrow.imaging.volume import BoolArray, FloatArray, intensities, with_voxels

BINS = 256
DARKEST = 0.01  # of the bright end; everything below is clipped before the logarithm


@dataclass(frozen=True)
class BodySettings:
    """Settings of the mask.

    Attributes:
        working_mm: spacing of the coarse grid.
        close_mm: gaps up to twice this wide are closed.
        smallest_part: parts smaller than this share of the largest are dropped.
    """

    working_mm: float
    close_mm: float
    smallest_part: float


def air_threshold(values: FloatArray) -> float:
    """The intensity half-way between the means of air and body on the logarithmic scale, separated by Otsu's method.

    Otsu's threshold itself may be anywhere between the two means. If air has little noise, it is close to that of air,
    and a mask by it would include every voxel that the body only touches.
    """
    bright = float(np.percentile(values, 99.5)) if values.size else 0.0
    if bright <= 0:
        return 0.0
    counts, edges = np.histogram(np.log(np.clip(values, DARKEST * bright, None)), bins=BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    count_below, sums = np.cumsum(counts), np.cumsum(counts * centres)
    count_above = np.maximum(count_below[-1] - count_below, 1)
    mean_air, mean_body = sums / np.maximum(count_below, 1), (sums[-1] - sums) / count_above
    threshold_bin = int(np.argmax((count_below * count_above * (mean_body - mean_air) ** 2)[:-1]))
    return float(np.exp((mean_air[threshold_bin] + mean_body[threshold_bin]) / 2))


def find_body(signal: sitk.Image, settings: BodySettings) -> sitk.Image:
    """The body in an image of all soft tissue: 1 inside, 0 outside, uint8, on the same grid.

    Its axes must be close to left, posterior, superior: holes (lungs, bowel gas) are filled slice by slice from feet to
    head, because a lung that is open towards the neck is no hole in three dimensions.
    """
    coarse = at_spacing(signal, settings.working_mm)
    array = intensities(coarse)
    inside = _large_parts(array > air_threshold(array), settings.smallest_part)
    inside = _closed(inside, [settings.close_mm / mm for mm in coarse.GetSpacing()[::-1]])
    return _on_grid(with_voxels(filled_slices(inside).astype(np.float32), coarse), signal)


def at_spacing(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """An image averaged over blocks of voxels to about `spacing_mm`; never interpolated to a finer grid."""
    factors = [
        max(1, min(size, round(spacing_mm / mm))) for size, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    return image if max(factors) == 1 else sitk.BinShrink(image, factors)


def connected_parts(inside: BoolArray) -> npt.NDArray[np.intp]:
    """The connected components of a mask, numbered from 1; 0 outside."""
    parts, _ = cast(tuple[npt.NDArray[np.intp], int], ndi.label(inside))
    return parts


def filled_slices(inside: BoolArray) -> BoolArray:
    """A mask with its holes filled slice by slice: background that is not connected to the border."""
    in_plane = ndi.generate_binary_structure(3, 1)
    in_plane[[0, 2]] = False
    outside, _ = cast(tuple[npt.NDArray[np.intp], int], ndi.label(~inside, in_plane))
    edges = (outside[:, [0, -1]], outside[:, :, [0, -1]])
    at_edge = np.unique(np.concatenate([edge.ravel() for edge in edges]))
    return ~np.isin(outside, at_edge[at_edge > 0])


def _large_parts(inside: BoolArray, smallest_share: float) -> BoolArray:
    """Keep large components: both legs where a scan ends below the hip, but not a tube beside the patient."""
    parts = connected_parts(inside)
    if not parts.any():
        return inside
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return (sizes >= smallest_share * sizes.max())[parts] & inside


def _closed(inside: BoolArray, radii: list[float]) -> BoolArray:
    """Closed by an ellipsoid of `radii` voxels `(z, y, x)`; the border is padded, so that it does not erode."""
    reach = [int(np.ceil(radius)) for radius in radii]
    offsets = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    ball = sum((offset / max(radius, 1e-6)) ** 2 for offset, radius in zip(offsets, radii, strict=True)) <= 1.0
    padded = np.pad(inside, [(n, n) for n in reach], mode="edge")
    closed = np.asarray(ndi.binary_closing(padded, np.asarray(ball), border_value=0), dtype=np.bool_)
    cropped = closed[tuple(slice(n, n + size) for n, size in zip(reach, inside.shape, strict=True))]
    return cropped | inside


def _on_grid(share: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """A coarse mask on a finer grid: inside where linear interpolation is at least half inside."""
    # Extrapolation: the outermost half of a coarse voxel has no neighbour to interpolate with.
    fine = sitk.Resample(share, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)
    return sitk.Cast(fine >= 0.5, sitk.sitkUInt8)
