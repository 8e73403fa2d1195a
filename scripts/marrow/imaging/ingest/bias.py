"""Removes the slow shading of the coils by N4 (Tustison et al. 2010).

The field is estimated once for each acquisition and applied to all its contrasts:
- on b50 for both b-values. They share coils and position, b50 has the signal to see the shading by, and on b900 the
  bright lesions and organs themselves would look like shading and be flattened. One field also leaves their ratio,
  and so the ADC, as it was measured.
- on the sum of water and fat for both. Each alone is dark over half the body, where nothing could be estimated; the
  sum has signal everywhere, does not change with a swap, and one field leaves the fat fraction as it was measured.

The shrink factor follows from millimetres, so that a site with other voxels gets the same estimate.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from marrow.imaging.ingest.arrays import intensities, mask_of
from marrow.imaging.ingest.n4 import log_field_lattice
from marrow.imaging.ingest.spline_field import ORDER, field_on_grid
from marrow.imaging.volume import with_voxels

DARKEST = np.float32(1e-3)  # N4 takes logarithms


@dataclass(frozen=True)
class BiasSettings:
    """How N4 is run.

    Attributes:
        enabled: whether it is.
        shrink_mm: voxels are thinned to about this for the estimate.
        spline_mm: distance between the control points at the first level; each level halves it.
        iterations: at most so many, for each level.
        convergence: a level ends when the field changes by less.
    """

    enabled: bool
    shrink_mm: float
    spline_mm: float
    iterations: list[int]
    convergence: float


def shrink_factors(image: sitk.Image, shrink_mm: float) -> list[int]:
    """By how much each axis is thinned."""
    pairs = zip(image.GetSize(), image.GetSpacing(), strict=True)
    return [max(1, min(round(shrink_mm / mm), size // 4)) for size, mm in pairs]


def estimate_log_field(signal: sitk.Image, body: sitk.Image, settings: BiasSettings) -> sitk.Image:
    """The logarithm of the shading, on the grid of `signal`, with mean 0 in the body: it moves no overall intensity.

    Args:
        signal: the image to estimate on.
        body: its body mask, on the same grid.
        settings: how.
    """
    factors = shrink_factors(signal, settings.shrink_mm)
    # Thinned by leaving voxels out: N4 sharpens the histogram of pure tissues, which means over blocks would mix.
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
