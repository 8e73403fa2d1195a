"""Memory-mapped reading and streamed writing of the uncompressed NIfTI files that stages exchange.

ITK's reader and writer copy every voxel two or three times, which takes longer than computing the landmarks of an image
(`docs/standardise.md` has the numbers). The files are standard NIfTI. All other files are read by
`marrow.imaging.volume`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.grid import Grid

_SCANNER = 1  # code: coordinates are those of the scanner


def map_voxels(path: Path) -> npt.NDArray[Any]:
    """The voxels of a NIfTI file, (z, y, x), as a read-only memory map."""
    return np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj).T


def map_volume(path: Path) -> sitk.Image:
    """The image in a NIfTI file; equal to that of `marrow.imaging.volume.read_volume`."""
    return Grid.in_file(path).image(map_voxels(path))


def write_slabs(slabs: Iterable[npt.NDArray[np.generic]], dtype: npt.DTypeLike, grid: Grid, path: Path) -> None:
    """Write slabs of voxels (slices, y, x), which together fill a grid, to an uncompressed NIfTI file."""
    with path.open("wb") as file:
        file.write(_header(grid, np.dtype(dtype)))
        for slab in slabs:
            slab.astype(dtype, order="C", copy=False).tofile(file)


def write_voxels(voxels: npt.NDArray[np.generic], grid: Grid, path: Path) -> None:
    """Write the voxels (z, y, x) of a grid to an uncompressed NIfTI file."""
    write_slabs([voxels], voxels.dtype, grid, path)


def _header(grid: Grid, dtype: np.dtype[np.generic]) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(grid.size)
    header.set_qform(grid.affine, _SCANNER)
    header.set_sform(grid.affine, _SCANNER)
    header.set_xyzt_units("mm")
    header["magic"] = b"n+1"
    header.set_data_offset(header.single_vox_offset)
    return header.binaryblock.ljust(header.single_vox_offset, b"\0")
