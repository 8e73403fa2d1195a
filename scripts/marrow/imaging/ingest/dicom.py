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
        links, converted = Path(scratch, "slices"), Path(scratch, "made")
        links.mkdir()
        converted.mkdir()
        for number, piece in enumerate(stack):
            (links / f"{number:06d}.dcm").symlink_to(piece.path.absolute())
        command = [dcm2niix.bin, *OPTIONS, "-o", str(converted), str(links)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        volumes = sorted(converted.glob("*.nii"))
        if done.returncode or len(volumes) != 1:
            raise ScanStopped(
                "dicom_conversion",
                f"{where}: dcm2niix made {len(volumes)} volumes of series {stack[0].series} (exit {done.returncode}) "
                "instead of one; slices are damaged or missing. Export the series again, or give NIfTI files.",
            )
        image = read_nifti(volumes[0], where)
    if len(stack) not in image.GetSize():
        raise ScanStopped(
            "dicom_conversion",
            f"{where}: dcm2niix left out slices of series {stack[0].series} ({len(stack)} files, volume of "
            f"{' x '.join(str(n) for n in image.GetSize())}); some are damaged. Export the series again.",
        )
    return image
