"""Reads NRRD and MetaImage (.nrrd, .mha; .nhdr and .mhd with their data beside) without any metadata of the file.

ITK reads the voxels. It prints paths and puts them into exceptions, so it is given a link of a neutral name, and what
it says is dropped. The header is checked before: where a header gives no place in the patient, ITK makes one up.

Both formats say where voxels lie by axes, a corner and a spacing; NRRD also names the directions that it counts along
(`space`). ITK turns those of a patient to left, posterior and superior, the ones that MetaImage always has.
"""

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from marrow.errors import ScanStopped
from marrow.imaging.ingest.nifti import RAS_TO_LPS, placed

NRRD = (".nrrd", ".nhdr")
DETACHED = (".nhdr", ".mhd")  # headers whose data is in a file beside
ENDINGS = (*NRRD, ".mha", ".mhd")
LONGEST_HEADER = 65536
NRRD_MAGIC = b"NRRD000"
SPACES = {
    "right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps",
}  # fmt: skip
_NRRD_FIELD = re.compile(rb"^([^:#\r\n]+):[ \t]([^\r\n]*)", re.MULTILINE)
_META_FIELD = re.compile(rb"^(\w+)[ \t]*=[ \t]*([^\r\n]*)", re.MULTILINE)
_DATA_LINE = re.compile(rb"^((?:data ?file:|ElementDataFile[ \t]*=)[ \t]*)[^\r\n]*", re.MULTILINE | re.IGNORECASE)
_DATA_FILE = {"nrrd": ("data file", "datafile"), "meta": ("elementdatafile",)}


def read_itk(path: Path, where: str) -> sitk.Image:
    """The volume in a file: float32, in the patient's coordinates (LPS), axes as stored.

    `where` is its name in messages, which never contain the path.

    Raises:
        ScanStopped: the file is cut off or of another kind, is not a single 3-D volume, or has an impossible geometry.
    """
    header = _read_header(path, where)
    _check_header(header, path, where)
    with TemporaryDirectory() as folder, _silence():
        try:
            image = sitk.ReadImage(str(_neutral(path, header, Path(folder), where)))
            values = sitk.GetArrayFromImage(image)
        except (RuntimeError, OSError) as error:
            message = f"{where}: the voxels cannot be read ({type(error).__name__}); copy or export the file again."
            raise ScanStopped("file_damaged", message) from None
    if image.GetDimension() != 3:
        raise ScanStopped("dimensions", f"{where}: has {image.GetDimension()} axes; give a volume with three.")
    if image.GetNumberOfComponentsPerPixel() != 1 or values.dtype.kind not in "iuf":
        raise ScanStopped("file_type", f"{where}: holds several numbers for a voxel; give one plain number for each.")
    affine = np.eye(4)
    affine[:3, :3] = RAS_TO_LPS @ np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    affine[:3, 3] = RAS_TO_LPS @ image.GetOrigin()
    return placed(values.T.astype(np.float32), affine, where)


def _read_header(path: Path, where: str) -> dict[str, bytes]:
    """The fields by their names in lower case; of a file whose data follows, those before the data."""
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_HEADER)
    except OSError as error:
        message = f"{where}: the file cannot be opened ({type(error).__name__}); check its rights and the disk."
        raise ScanStopped("file_damaged", message) from None
    if _format(path) == "nrrd":
        header = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
        fields = _NRRD_FIELD.findall(header) if start.startswith(NRRD_MAGIC) else []
    else:
        end = re.search(rb"^ElementDataFile[^\n]*", start, re.MULTILINE)
        fields = _META_FIELD.findall(start[: end.end()]) if end else []
    if not fields:
        raise ScanStopped(
            "file_damaged", f"{where}: no header of {path.suffix.lower()} at the start of the file; export it again."
        )
    return {name.strip().lower().decode("latin-1"): value.strip() for name, value in fields}


def _check_header(header: Mapping[str, bytes], path: Path, where: str) -> None:
    """Check what ITK would fill in or correct without a word."""
    of_nrrd = _format(path) == "nrrd"
    dimension = header.get("dimension" if of_nrrd else "ndims", b"")
    if dimension != b"3":
        raise ScanStopped(
            "dimensions",
            f"{where}: has {int(dimension) if dimension.isdigit() else 'no number of'} axes; give a volume with three, "
            "and every b-value or echo its own file.",
        )
    if of_nrrd:
        has_place = header.get("space", b"").lower().decode("latin-1") in SPACES and "space directions" in header
        vectors = re.findall(rb"\(([^)]*)\)", header.get("space directions", b""))
        spacing = [float(np.linalg.norm(_numbers(vector.replace(b",", b" ")))) for vector in vectors]
    else:
        has_place = bool({"transformmatrix", "rotation", "orientation"} & header.keys())
        spacing = _numbers(header.get("elementspacing", header.get("elementsize", b"")))
    if not has_place:
        raise ScanStopped(
            "orientation",
            f"{where}: the header does not say how the image lies in the patient; convert the DICOM series again.",
        )
    if len(spacing) != 3 or not all(np.isfinite(mm) and mm > 0 for mm in spacing):
        listed = " x ".join(f"{mm:g}" for mm in spacing) or "missing"
        raise ScanStopped(
            "spacing",
            f"{where}: voxel spacing is {listed} mm but must be above zero along every axis; "
            "export the series again, or write the true spacing into the header.",
        )


def _numbers(words: bytes) -> list[float]:
    try:
        return [float(word) for word in words.split()]
    except ValueError:
        return []


def _format(path: Path) -> str:
    return "nrrd" if path.name.lower().endswith(NRRD) else "meta"


def _neutral(path: Path, header: Mapping[str, bytes], folder: Path, where: str) -> Path:
    """The file, or the header with its data, under a name that tells nothing.

    Raises:
        ScanStopped: the data is not one file beside the header.
    """
    link = folder / f"volume{path.suffix.lower()}"
    named = next((header[key] for key in _DATA_FILE[_format(path)] if key in header), b"LOCAL")
    if named.upper() == b"LOCAL":
        link.symlink_to(path.absolute())
        return link
    name = os.fsdecode(named)
    data = path.absolute().parent / name
    if Path(name).name != name or not data.is_file():
        raise ScanStopped(
            "file_missing",
            f"{where}: the header's data is not one file beside it; put it there, or save the volume as one file "
            "(.nrrd, .mha or .nii.gz).",
        )
    (folder / "data").symlink_to(data)
    link.write_bytes(_DATA_LINE.sub(rb"\1data", path.read_bytes()))
    return link


@contextmanager
def _silence() -> Generator[None]:
    """Drop what libraries in C++ write to the error output meanwhile; they quote paths and headers."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
