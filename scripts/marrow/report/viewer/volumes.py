"""Volumes small enough to go into a page: fewer voxels, one byte each, and nothing outside the body.

Intensities are quantised to 64 steps, which no eye tells from more and which compress to half the size. All layers of a
scan lie on one grid, so that one place in the viewer is one voxel in each of them.
"""

import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

LEVELS = 63  # above black
STEP = 4  # between two of them
BRIGHTEST = 99.8  # per cent of the body's voxels that are not all white
DARKEST = 1.0
TOP = LEVELS * STEP

Bytes = npt.NDArray[np.uint8]


def shrunk_volume(volume: sitk.Image, body: sitk.Image, spacing_mm: float) -> sitk.Image:
    """A volume of intensities on voxels of about `spacing_mm`, averaged; 0 outside the body, 4 to 252 inside."""
    inside = sitk.GetArrayViewFromImage(body) > 0
    values = sitk.GetArrayViewFromImage(volume)
    low, high = np.percentile(values[inside], (DARKEST, BRIGHTEST)) if inside.any() else (0.0, 1.0)
    masked = sitk.GetImageFromArray(np.where(inside, values, np.float32(low)).astype(np.float32))
    masked.CopyInformation(volume)
    small = _averaged(masked, spacing_mm)
    near = sitk.GetArrayFromImage(on_grid(body, small)) > 0
    share = (sitk.GetArrayViewFromImage(small) - low) / max(float(high - low), 1e-6)
    return _like(np.where(near, _quantised(share), 0).astype(np.uint8), small)


def shrunk_map(values: sitk.Image, grid: sitk.Image) -> tuple[sitk.Image, float, float]:
    """A map on a grid, with the values that stand for 4 and for 252; what is empty (0 or no number) stays 0."""
    array = np.nan_to_num(sitk.GetArrayFromImage(values).astype(np.float32), posinf=0.0, neginf=0.0)
    whole = sitk.GetImageFromArray(array)
    whole.CopyInformation(values)
    small = sitk.GetArrayFromImage(on_grid(_averaged(whole, min(grid.GetSpacing())), grid))
    held = array[array != 0]
    low, high = (float(held.min()), float(held.max())) if held.size else (0.0, 0.0)
    span = high - low
    share = (small - low) / span if span > 0 else np.ones_like(small)
    return _like(np.where(small != 0, _quantised(share), 0).astype(np.uint8), grid), low, high


def on_grid(labels: sitk.Image, grid: sitk.Image) -> sitk.Image:
    """An image on another grid, by nearest neighbour; 0 beyond its ends."""
    return sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, labels.GetPixelID())


def highest(image: sitk.Image) -> list[float]:
    """Where the highest voxel lies, in millimetres to the right, front and head as NIfTI counts them."""
    voxels = sitk.GetArrayViewFromImage(image)
    z, y, x = (int(i) for i in np.unravel_index(int(voxels.argmax()), voxels.shape))
    left, back, up = image.TransformIndexToPhysicalPoint((x, y, z))
    return [round(-left, 2), round(-back, 2), round(up, 2)]


def nifti_bytes(image: sitk.Image) -> bytes:
    """An image as compressed NIfTI; the same image gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.nii"
        sitk.WriteImage(image, str(path))
        return gzip.compress(path.read_bytes(), 9, mtime=0)


def _averaged(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    factors = [max(1, round(spacing_mm / spacing)) for spacing in image.GetSpacing()]
    fitting = [min(factor, size) for factor, size in zip(factors, image.GetSize(), strict=True)]
    return sitk.BinShrink(image, fitting) if max(fitting) > 1 else image


def _quantised(share: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Shares from 0 to 1 as multiples of the step; none is 0, which is what is empty."""
    return np.clip(np.round(share * LEVELS), 1, LEVELS) * STEP


def _like(array: Bytes, grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(grid)
    return image
