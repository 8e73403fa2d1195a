"""Reads a NIfTI file into an image without any metadata of the file.

The file is read once, as bytes, and decoded in memory, for two reasons: a library that does not get the path cannot
print it or put it into an exception (ITK does both), and a gzip stream that is read to its end is known to be complete.
The header is checked before nibabel corrects it: a negative spacing that is corrected silently mirrors the patient.

Geometry follows the NIfTI standard as in nibabel: `sform` if it has a code, else `qform`; without both the scan is
stopped. Directions that are orthonormal up to rounding are made orthonormal, since ITK refuses them otherwise.
"""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.errors import ScanStopped

GZIP_MAGIC = b"\x1f\x8b"
LARGEST_SHEAR = 0.02  # of the cosines between axes; rounding stays below 1e-4, a real shear far above
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NiftiFile:
    """The volumes in a NIfTI file, `(x, y, z, ...)`, with the geometry of all and the file's name in messages."""

    array: npt.NDArray[Any]
    affine: FloatArray
    where: str

    @property
    def count(self) -> int:
        """How many volumes there are."""
        return math.prod(self.array.shape[3:])

    def volume(self, number: int) -> sitk.Image:
        """A volume by its number from 0: float32, in the patient's coordinates (LPS), axes as stored."""
        volumes = self.array.reshape(*self.array.shape[:3], self.count, order="F")
        return placed(volumes[..., number].astype(np.float32), self.affine, self.where)

    def only_volume(self) -> sitk.Image:
        """The volume of a file that holds one.

        Raises:
            ScanStopped: it holds several.
        """
        if self.count > 1:
            raise ScanStopped(
                "dimensions",
                f"{self.where}: holds {self.count} volumes in one file; if they are diffusion images, put their "
                "b-values "
                "beside it (the same name with the ending .bval), and name the file for both b-values. If they are "
                "echoes or other contrasts, split the file and give every contrast its own.",
            )
        return self.volume(0)


def read_nifti(path: Path, where: str) -> sitk.Image:
    """The one volume in a NIfTI file.

    Raises:
        ScanStopped: as `open_nifti`, or there are several volumes.
    """
    return open_nifti(path, where).only_volume()


def open_nifti(path: Path, where: str) -> NiftiFile:
    """The volumes in a NIfTI file; `where` is its name in messages, which never contain the path.

    Raises:
        ScanStopped: the file is truncated or no NIfTI, or has an impossible geometry.
    """
    content = _uncompressed(path, where)
    kind = _nifti_kind(content, where)
    try:
        header = kind.header_class(content[: kind.header_class.sizeof_hdr], check=False)
        _check_header(header, len(content), where)
        image = kind.from_bytes(content)
        affine = np.asarray(image.affine, dtype=np.float64)
        array = np.asarray(image.dataobj)
    except ScanStopped:
        raise
    except Exception as error:  # whatever nibabel meets in a damaged header, its text may quote the header
        message = f"{where}: cannot be read as NIfTI ({type(error).__name__}); export the series again."
        raise ScanStopped("file_damaged", message) from None
    return NiftiFile(array, affine, where)


def _uncompressed(path: Path, where: str) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (EOFError, zlib.error, gzip.BadGzipFile):
        message = f"{where}: the compressed file is cut off or damaged; copy or export it again."
    except OSError as error:
        message = f"{where}: the file cannot be opened ({type(error).__name__}); check its rights and the disk."
    raise ScanStopped("file_damaged", message) from None


def _nifti_kind(content: bytes, where: str) -> type[nib.Nifti1Image]:
    for kind in (nib.Nifti1Image, nib.Nifti2Image):
        size = kind.header_class.sizeof_hdr
        if len(content) > size and {content[:4]} & {size.to_bytes(4, "little"), size.to_bytes(4, "big")}:
            return kind
    raise ScanStopped("file_damaged", f"{where}: no NIfTI header at the start of the file; export the series again.")


def _check_header(header: nib.Nifti1Header, length: int, where: str) -> None:
    shape = tuple(int(n) for n in header.get_data_shape())
    _check_shape(shape, where)
    spacing = [float(mm) for mm in header["pixdim"][1:4]]
    if not all(math.isfinite(mm) and mm > 0 for mm in spacing):
        listed = " x ".join(f"{mm:g}" for mm in spacing)
        raise ScanStopped(
            "spacing",
            f"{where}: voxel spacing is {listed} mm but must be above zero along every axis; "
            "export the series again, or write the true spacing into the header.",
        )
    if not (int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0):
        raise ScanStopped(
            "orientation",
            f"{where}: the header does not say how the image lies in the patient (sform and qform codes are both 0); "
            "convert the DICOM series again, or set the sform.",
        )
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ScanStopped("file_type", f"{where}: voxels are of type {dtype}; give one plain number for each voxel.")
    needed = int(header["vox_offset"]) + math.prod(shape) * dtype.itemsize
    if length < needed:
        raise ScanStopped(
            "file_damaged", f"{where}: the file is cut off ({length} of {needed} bytes); copy or export it again."
        )


def _check_shape(shape: tuple[int, ...], where: str) -> None:
    if len(shape) < 3 or min(shape) < 1:
        raise ScanStopped("dimensions", f"{where}: has the shape {shape}; give a volume with three axes.")


def placed(array: npt.NDArray[np.float32], affine: FloatArray, where: str) -> sitk.Image:
    """The image of `array` (x, y, z) with the geometry of `affine` (voxel to RAS mm)."""
    axes = RAS_TO_LPS @ affine[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or (spacing <= 0).any():
        raise ScanStopped(
            "orientation", f"{where}: the affine has empty or infinite entries; convert the DICOM series again."
        )
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing([float(mm) for mm in spacing])
    image.SetOrigin([float(mm) for mm in RAS_TO_LPS @ affine[:3, 3]])
    image.SetDirection([float(cosine) for cosine in _orthonormal(axes / spacing, where).ravel()])
    return image


def _orthonormal(cosines: FloatArray, where: str) -> FloatArray:
    """The rotation (or reflection) nearest to a matrix of direction cosines: `U V` of its singular vectors."""
    shear = float(np.abs(cosines.T @ cosines - np.eye(3)).max())
    if shear > LARGEST_SHEAR:
        raise ScanStopped(
            "orientation",
            f"{where}: the axes are not at right angles (cosine {shear:.2f}); resample the image to an unsheared grid.",
        )
    left, _, right = np.linalg.svd(cosines)
    return left @ right
