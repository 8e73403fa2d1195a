"""Voxels of an image as arrays `(z, y, x)` that outlive the image."""

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.volume import voxels

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def intensities(image: sitk.Image) -> FloatArray:
    """The intensities, a copy."""
    return np.array(voxels(image), dtype=np.float32)


def mask_of(image: sitk.Image) -> BoolArray:
    """Where a mask is not 0."""
    return np.array(voxels(image), dtype=np.float32) > 0
