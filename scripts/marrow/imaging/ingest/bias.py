"""Corrects the smooth shading of the coils by N4 (Tustison et al. 2010).

The field is estimated once for each acquisition and applied to all its contrasts:
- from b50 for both b-values. They share coils and position, and b50 has enough signal; on b900, bright lesions and
  organs would be mistaken for shading and flattened. One field also preserves their ratio, and so the ADC.
- from the sum of water and fat for both. Each alone is dark in half the body; the sum has signal everywhere and does
  not change if the two are swapped, and one field preserves the fat fraction.

The shrink factor is derived from millimetres, so that it is comparable between sites with different voxels.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from marrow.imaging.ingest.n4 import log_field_lattice
from marrow.imaging.ingest.spline_field import ORDER, field_on_grid
from marrow.imaging.volume import intensities, mask_of, with_voxels

DARKEST = np.float32(1e-3)  # N4 takes logarithms


@dataclass(frozen=True)
class BiasSettings:
    """How N4 is run.

    Attributes:
        enabled: whether shading is corrected.
        shrink_mm: approximate spacing that voxels are subsampled to for the estimate.
        spline_mm: distance between the control points at the first level; each level halves it.
        iterations: the most iterations of each level.
        convergence: a level ends when the field changes by less than this.
    """

    enabled: bool
    shrink_mm: float
    spline_mm: float
    iterations: list[int]
    convergence: float


def shrink_factors(image: sitk.Image, shrink_mm: float) -> list[int]:
    """The factor by which each axis is subsampled."""
    pairs = zip(image.GetSize(), image.GetSpacing(), strict=True)
    return [max(1, min(round(shrink_mm / mm), size // 4)) for size, mm in pairs]


def estimate_log_field(signal: sitk.Image, body: sitk.Image, settings: BiasSettings) -> sitk.Image:
    """The logarithm of the shading, on the grid of `signal` and `body`.

    Its mean in the body is 0, so that the overall intensity stays.
    """
    factors = shrink_factors(signal, settings.shrink_mm)
    # Subsampling without averaging: N4 sharpens the histogram of pure tissues, and averages would mix tissues.
    thin, thin_body = intensities(sitk.Shrink(signal, factors)), mask_of(sitk.Shrink(body, factors))
    points = _control_points(signal, settings.spline_mm)[::-1]
    lattice = log_field_lattice(np.maximum(thin, DARKEST), thin_body, points, settings.iterations, settings.convergence)
    field = field_on_grid(lattice, signal.GetSize()[::-1])
    inside = mask_of(body)
    if inside.any():
        field -= field[inside].mean(dtype=np.float64)
    return with_voxels(field, signal)


def remove_shading(image: sitk.Image, log_field: sitk.Image) -> sitk.Image:
    """An image divided by the shading."""
    return with_voxels(intensities(image) * np.exp(-intensities(log_field)), image)


def _control_points(image: sitk.Image, spline_mm: float) -> list[int]:
    lengths = [size * mm for size, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    return [max(1, round(length / spline_mm)) + ORDER for length in lengths]
