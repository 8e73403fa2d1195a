"""Converts a stack of DICOM slices to an image with dcm2niix, which handles the vendors' encodings and geometry.

dcm2niix gets links with neutral names in a temporary folder, one stack at a time. So its output and file names cannot
contain anything of the patient, and it does not decide which slices belong together: that follows from tags.
"""

import subprocess
import tempfile
from pathlib import Path

import dcm2niix
import SimpleITK as sitk

from marrow.errors import ScanStopped
from marrow.imaging.ingest.dicom_series import Stack
from marrow.imaging.ingest.dicom_tags import silent_pydicom
from marrow.imaging.ingest.enhanced import write_frames
from marrow.imaging.ingest.nifti import read_nifti

OPTIONS = [
    *("-g", "i"),  # ignore defaults that a user may have stored
    *("-b", "n"),  # no sidecar: the tags were read before
    *("-m", "y"),  # one stack, one volume
    *("-x", "i"),  # neither cropped nor turned
    *("-z", "n", "-f", "volume"),
]


def read_stack(stack: Stack, where: str) -> sitk.Image:
    """The volume of a stack of slices.

    Raises:
        ScanStopped: dcm2niix cannot make exactly one volume of it.
    """
    with tempfile.TemporaryDirectory(prefix="marrow-dicom-") as scratch:
        slices, converted = Path(scratch, "slices"), Path(scratch, "made")
        slices.mkdir()
        converted.mkdir()
        _gather(stack, slices, where)
        command = [dcm2niix.bin, *OPTIONS, "-o", str(converted), str(slices)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        # An overlay, a drawing on a slice, becomes a volume of its own.
        volumes = [path for path in sorted(converted.glob("*.nii")) if "ROI" not in path.name]
        if done.returncode or len(volumes) != 1:
            raise ScanStopped(
                "dicom_conversion",
                f"{where}: dcm2niix made {len(volumes)} volumes of series {stack[0].series} (exit {done.returncode}) "
                "instead of one; slices are damaged or missing. Export the series again, or give NIfTI files.",
            )
        image = read_nifti(volumes[0], where)
    if not stack[0].is_volume and len(stack) not in image.GetSize():
        raise ScanStopped(
            "dicom_conversion",
            f"{where}: dcm2niix left out slices of series {stack[0].series} ({len(stack)} slices, volume of "
            f"{' x '.join(str(n) for n in image.GetSize())}); some are damaged. Export the series again.",
        )
    return image


def _gather(stack: Stack, folder: Path, where: str) -> None:
    """Put the slices of a stack into a folder, each in a file with a neutral name."""
    if stack[0].frame is None:
        for number, piece in enumerate(stack):
            (folder / f"{number:06d}.dcm").symlink_to(piece.path.absolute())
        return
    try:
        with silent_pydicom():
            write_frames(stack, folder)
    except Exception as error:  # damaged in any way; the error's own text may hold a name
        raise ScanStopped(
            "file_damaged",
            f"{where}: frames of series {stack[0].series} cannot be read ({type(error).__name__}); export it again.",
        ) from None
