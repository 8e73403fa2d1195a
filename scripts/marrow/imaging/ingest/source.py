"""Finds the files behind a path of the sample sheet: a NIfTI file, a folder of NIfTI stations, or a DICOM folder.

File names decide between NIfTI and DICOM, and the order of files in messages, but not the order of stations, which
follows from their positions in the patient.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from marrow.errors import ScanStopped

NIFTI = (".nii", ".nii.gz")
# Files that converters and scanners write beside the images; DICOM files may have any extension.
COMPANIONS = (".json", ".bval", ".bvec", ".txt", ".tsv", ".csv", ".xml", ".html", ".pdf", ".png", ".jpg")


@dataclass(frozen=True)
class Source:
    """The files behind one path of the sheet.

    Attributes:
        kind: `nifti` (each file is a volume) or `dicom` (the files form series).
        files: in the order of their names.
        where: name of the path in messages, such as `fat` or `fat, path 2 of 4`.
    """

    kind: Literal["nifti", "dicom"]
    files: tuple[Path, ...]
    where: str


def find_source(path: Path, where: str) -> Source:
    """The files behind a path.

    Raises:
        ScanStopped: the path does not exist or cannot be read by Marrow.
    """
    if path.is_dir():
        return _folder(path, where)
    if not path.is_file():
        raise ScanStopped(
            "file_missing", f"{where}: the file is not there any more; restore it or mend the path in the sheet."
        )
    if is_nifti(path):
        return Source("nifti", (path,), where)
    raise ScanStopped(
        "file_type",
        f"{where}: neither a NIfTI file (.nii, .nii.gz) nor a folder; for DICOM give the folder that holds the series.",
    )


def is_nifti(path: Path) -> bool:
    """Whether a file has the extension of NIfTI."""
    return path.name.lower().endswith(NIFTI)


def _folder(folder: Path, where: str) -> Source:
    files = tuple(path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    volumes = tuple(path for path in files if is_nifti(path))
    others = tuple(path for path in files if path not in set(volumes) and not path.name.lower().endswith(COMPANIONS))
    if volumes and others:
        raise ScanStopped(
            "file_type",
            f"{where}: the folder holds {len(volumes)} NIfTI files and {len(others)} others; "
            "give a folder with NIfTI stations alone or with DICOM alone.",
        )
    if volumes:
        return Source("nifti", volumes, where)
    if others:
        return Source("dicom", others, where)
    raise ScanStopped("file_missing", f"{where}: the folder holds no image; put the series there or mend the path.")
