"""Finds the files behind a path of the sample sheet: a volume, a folder of volumes, or DICOM.

File names decide between volumes (NIfTI and the like) and DICOM, and the order of files in messages, but not the order
of stations, which follows from their positions in the patient.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from marrow.errors import ScanStopped
from marrow.imaging.ingest.itk_files import DETACHED, ENDINGS
from marrow.imaging.ingest.unpack import is_packed, unpacked

VOLUMES = (".nii", ".nii.gz", *ENDINGS)
# Files that converters and scanners write beside the images; DICOM files may have any extension.
COMPANIONS = (".json", ".bval", ".bvec", ".txt", ".tsv", ".csv", ".xml", ".html", ".pdf", ".png", ".jpg", ".db", ".ini")
DATA = (".raw", ".zraw", ".raw.gz")  # of a header beside
DICOM_MAGIC = (128, b"DICM")


@dataclass(frozen=True)
class Source:
    """The files behind one path of the sheet.

    Attributes:
        kind: `volume` (each file is a volume, or several with b-values) or `dicom` (the files form series).
        files: in the order of their names.
        where: name of the path in messages, such as `fat` or `fat, path 2 of 4`.
    """

    kind: Literal["volume", "dicom"]
    files: tuple[Path, ...]
    where: str


def find_source(path: Path, where: str, scratch: Path) -> Source:
    """The files behind a path; archives are unpacked into the folder `scratch`.

    Raises:
        ScanStopped: the path does not exist or cannot be read by Marrow.
    """
    if path.is_file() and path.name.lower().endswith(DETACHED):  # whether it is stale would be decided without its data
        raise ScanStopped(
            "file_type",
            f"{where}: a header whose data is in another file; give the folder that holds both, or save the volume as "
            "one file (.nrrd, .mha or .nii.gz).",
        )
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    elif path.is_file():
        files = [path]
    else:
        raise ScanStopped(
            "file_missing", f"{where}: the file is not there any more; restore it or mend the path in the sheet."
        )
    files = [file for file in files if not file.name.lower().endswith((*COMPANIONS, *DATA))]
    files = unpacked(files, scratch, where)
    volumes = tuple(file for file in files if is_volume(file))
    others = tuple(file for file in files if not is_volume(file))
    if volumes and any(is_dicom(file) for file in others):
        raise ScanStopped(
            "file_type",
            f"{where}: the folder holds {len(volumes)} volumes (NIfTI and the like) beside DICOM; "
            "give a folder with volumes alone or with DICOM alone.",
        )
    if volumes:
        return Source("volume", volumes, where)
    if path.is_file() and not is_packed(path) and not any(is_dicom(file) for file in others):
        raise ScanStopped(
            "file_type",
            f"{where}: neither a volume (.nii, .nii.gz, .nrrd, .mha) nor a DICOM file; give one of these, or a folder "
            "of them.",
        )
    if others:
        return Source("dicom", others, where)
    raise ScanStopped("file_missing", f"{where}: the folder holds no image; put the series there or mend the path.")


def is_volume(path: Path) -> bool:
    """Whether a file has the extension of a volume."""
    return path.name.lower().endswith(VOLUMES)


def is_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM files do."""
    start, magic = DICOM_MAGIC
    with path.open("rb") as file:
        file.seek(start)
        return file.read(len(magic)) == magic
