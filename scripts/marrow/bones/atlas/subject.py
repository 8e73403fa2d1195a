"""Prepares a scan for registration: water at low resolution, scaled by a percentile of the body, and the body mask.

Scanners have no common unit of intensity. Water is divided by a high percentile of the body and clipped above, which
makes scans comparable (demons compares grey levels directly) and limits the effect of bright organs and lesions.
"""

import math
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from marrow.imaging.grid import Grid, resample_linear, resample_nearest
from marrow.imaging.volume import voxels, with_voxels

REFERENCE_PERCENTILE = 90.0
BRIGHTEST = 1.3  # in units of the reference percentile


@dataclass(frozen=True)
class Subject:
    """Water (float32, 0 outside the body) and body mask (uint8) on one grid."""

    water: sitk.Image
    body: sitk.Image

    def at(self, spacing_mm: float) -> "Subject":
        """The subject on an isotropic grid of another spacing in the same field of view."""
        grid = Grid.of(self.body).isotropic(spacing_mm)
        if grid == Grid.of(self.body):
            return self
        return Subject(shrunk(self.water, grid), resample_nearest(self.body, grid))


def subject_of(water: sitk.Image, body: sitk.Image, spacing_mm: float) -> Subject:
    """Prepare a scan from water as measured and the body mask, on one grid, in voxels of `spacing_mm`."""
    grid = Grid.of(body).isotropic(spacing_mm)
    small, mask = shrunk(water, grid), resample_nearest(body, grid)
    inside = voxels(mask) != 0
    values = np.nan_to_num(voxels(small).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    bright = float(np.percentile(values[inside], REFERENCE_PERCENTILE)) if inside.any() else 1.0
    scaled = np.clip(values / max(bright, np.finfo(np.float32).tiny), 0, BRIGHTEST) * inside
    return Subject(with_voxels(scaled.astype(np.float32), small), mask)


def shrunk(image: sitk.Image, grid: Grid) -> sitk.Image:
    """An image on a coarser grid of the same field of view, averaged over blocks of voxels first, which is fast."""
    factors = [max(1, math.floor(grid.spacing[0] / spacing + 1e-3)) for spacing in image.GetSpacing()]
    factors = [min(factor, count) for factor, count in zip(factors, image.GetSize(), strict=True)]
    return resample_linear(sitk.BinShrink(image, factors), grid, smooth_above_ratio=1.0)
