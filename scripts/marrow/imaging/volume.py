"""Volumes: SimpleITK images with their geometry and without any other metadata.

A header may hold a name, a birth date or a free-text description. An image read here keeps voxels, origin, spacing and
direction only, so that no other field of the header can be written again.

Arrays are in SimpleITK's order, `(z, y, x)`; points and affines are in millimetres.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.errors import ScanStopped

Array, FloatArray, BoolArray = npt.NDArray[np.generic], npt.NDArray[np.float32], npt.NDArray[np.bool_]


def read_volume(path: Path) -> sitk.Image:
    """Read an image: intensities as float32, labels (8-bit) as uint8, without the header's texts."""
    image = sitk.ReadImage(str(path))
    is_label = image.GetPixelID() in (sitk.sitkUInt8, sitk.sitkInt8)
    pixel_type = sitk.sitkUInt8 if is_label else sitk.sitkFloat32
    if image.GetPixelID() != pixel_type:
        image = sitk.Cast(image, pixel_type)
    for key in image.GetMetaDataKeys():
        image.EraseMetaData(key)
    return image


def read_on_grid(path: Path, reference: sitk.Image, name: str) -> sitk.Image:
    """Read an image that has to be on the grid of a reference; `name` is for the message.

    Raises:
        ScanStopped: it is on another grid.
    """
    image = read_volume(path)
    if not same_grid(image, reference):
        raise ScanStopped(
            "same_grid",
            f"{name}: {image.GetSize()} voxels of {image.GetSpacing()} mm, not on the scan's grid "
            f"({reference.GetSize()} of {reference.GetSpacing()} mm) or at another place; delete the scan's folders "
            "below results and run the workflow again",
        )
    return image


def write_volume(image: sitk.Image, path: Path) -> None:
    """Write an image as NIfTI; `.nii` without compression, because gzip takes ten times as long as all the rest."""
    sitk.WriteImage(image, str(path), useCompression=path.suffix == ".gz", compressionLevel=1)


def voxels(image: sitk.Image) -> Array:
    """A read-only view of the voxels, `(z, y, x)`; it lives as long as the image does."""
    return sitk.GetArrayViewFromImage(image)


def intensities(image: sitk.Image) -> FloatArray:
    """A copy of the intensities, `(z, y, x)`."""
    return np.array(voxels(image), dtype=np.float32)


def mask_of(image: sitk.Image) -> BoolArray:
    """Where a mask is above 0, `(z, y, x)`."""
    return np.array(voxels(image), dtype=np.float32) > 0


def with_voxels(array: Array, geometry: sitk.Image) -> sitk.Image:
    """An image of `array` `(z, y, x)` with the geometry of another image."""
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(geometry)
    return image


def same_grid(a: sitk.Image, b: sitk.Image, tolerance_mm: float = 1e-3) -> bool:
    """Whether two images have the same grid."""
    ours, other = (np.concatenate([one.GetSpacing(), one.GetOrigin(), one.GetDirection()]) for one in (a, b))
    return a.GetSize() == b.GetSize() and bool(np.allclose(ours, other, rtol=0, atol=tolerance_mm))
