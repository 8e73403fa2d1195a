"""Reads from DICOM tags what each file of a folder shows; pixels and tags about the person are not read.

- Dixon water and fat: `ImageType` (0008,0008), where Siemens and GE write WATER and FAT, Philips W and F; series that
  say nothing there often end their description in `_W` or `_F`.
- b-value: (0018,9087), else the vendor's own: Siemens (0019,100C), GE (0043,1039), Philips (2001,1003), else the
  sequence name (`*ep_b900t`).

Only the tags listed here are ever parsed. pydicom quotes bad values in its warnings, and a bad value may be a name, so
its warnings and its log are silent while it reads.
"""

import logging
import math
import re
import struct
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from marrow.errors import ScanStopped

WATER = frozenset({"W", "WATER"})
FAT = frozenset({"F", "FAT"})
# Opposed and in phase, fat fraction, ADC, projections, localisers: images of a study that no contrast is made of.
OTHER = frozenset(
    {"IP", "IN", "INPHASE", "IN_PHASE", "OP", "OPP", "OUTPHASE", "OPP_PHASE", "OUT_PHASE", "OPPOSED_PHASE"}
    | {"FF", "FAT_FRACTION", "WATER_FRACTION", "ADC", "EADC", "LOCALIZER", "PROJECTION IMAGE", "MIP", "PHASE MAP"}
)
TRACE = frozenset({"TRACE", "TRACEW"})
VENDOR_B_VALUES = ((0x0018, 0x9087), (0x0019, 0x100C), (0x0043, 0x1039), (0x2001, 0x1003))
TAG_BYTES = 8  # at the least
UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
GE_B_VALUE_OFFSET = 1_000_000_000  # GE adds it to the first of four numbers
TAGS: list[Any] = [
    *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "ImageType"),
    *("SeriesDescription", "SequenceName", "DiffusionDirectionality", "NumberOfFrames", "Rows", "Columns"),
    *("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "BitsAllocated", "SamplesPerPixel"),
    *VENDOR_B_VALUES,
]

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Slice:
    """One DICOM file with a single slice.

    Attributes:
        shows: `water`, `fat`, `other` (an image that is no contrast of a scan), or empty if the tags do not say.
        b_value: in s/mm2; None if the tags do not say.
        is_trace: whether it averages the diffusion directions.
        position, orientation: of the first voxel and of the two image axes, mm in the patient (LPS).
        extent: length of the rows and of the columns, mm.
        instance_id: the SOP instance UID, the same for all copies of a file.
        instance: its number in the series.
    """

    path: Path
    instance_id: str
    study: str
    series_id: str
    series: int
    instance: int
    shows: str
    b_value: float | None
    is_trace: bool
    position: Vector
    orientation: Vector
    extent: Vector


def read_slices(files: Iterable[Path], where: str) -> list[Slice]:
    """The slices in the files of a folder; files that are no DICOM images are skipped, copies count once.

    Raises:
        ScanStopped: there is none, or one is damaged, or it is an enhanced (multi-frame) file.
    """
    slices: dict[str, Slice] = {}
    with _silent_pydicom():
        for number, path in enumerate(files, start=1):
            piece = _read_slice(path, f"{where}, file {number} in order of names")
            if piece is not None:
                slices.setdefault(piece.instance_id, piece)
    if not slices:
        raise ScanStopped(
            "dicom_empty", f"{where}: the folder holds no DICOM image slices; check that the path names the series."
        )
    return list(slices.values())


@contextmanager
def _silent_pydicom() -> Generator[None]:
    logger = logging.getLogger("pydicom")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def _read_slice(path: Path, where: str) -> Slice | None:
    """The slice in a file; None for a file that is no DICOM image."""
    try:
        with path.open("rb") as file:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=TAGS)
            remaining = path.stat().st_size - file.tell()  # reading stopped at the tag of the pixels
        frames = _text(header, "NumberOfFrames")
        piece = _slice(path, header) if "ImagePositionPatient" in header else None
        needed = TAG_BYTES + _pixel_bytes(header)
    except InvalidDicomError:
        return None
    except Exception as error:  # damaged in any way; the error's own text may hold a name or a path
        message = f"{where}: damaged DICOM ({type(error).__name__}); export the series again."
        raise ScanStopped("file_damaged", message) from None
    if piece is None and frames not in {"", "1"}:
        message = (
            f"{where}: enhanced (multi-frame) DICOM is not read directly; convert the folder with dcm2niix and give "
            "the NIfTI files."
        )
        raise ScanStopped("dicom_multi_frame", message)
    if piece is not None and remaining < needed:
        message = f"{where}: cut off, {needed - remaining} bytes are missing; copy or export it again."
        raise ScanStopped("file_damaged", message)
    return piece


def _pixel_bytes(header: pydicom.FileDataset) -> int:
    """The size of the pixel data if it is not compressed, otherwise 0."""
    if header.file_meta.get("TransferSyntaxUID", "") not in UNCOMPRESSED:
        return 0
    return math.prod(_number(header, name) for name in ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel")) // 8


def _slice(path: Path, header: pydicom.Dataset) -> Slice:
    tokens = {str(token).upper() for token in _values(header, "ImageType")}
    rows, columns = _number(header, "Rows"), _number(header, "Columns")
    between_rows, between_columns = _floats(header, "PixelSpacing", 2)
    directions = _text(header, "DiffusionDirectionality").upper()
    return Slice(
        path=path,
        instance_id=_text(header, "SOPInstanceUID"),
        study=_text(header, "StudyInstanceUID"),
        series_id=_text(header, "SeriesInstanceUID"),
        series=_number(header, "SeriesNumber"),
        instance=_number(header, "InstanceNumber"),
        shows=shown_by(tokens, _text(header, "SeriesDescription")),
        b_value=b_value_of(header),
        is_trace=bool(tokens & TRACE) or directions == "ISOTROPIC",
        position=_floats(header, "ImagePositionPatient", 3),
        orientation=tuple(round(cosine, 4) for cosine in _floats(header, "ImageOrientationPatient", 6)),
        extent=(between_columns * columns, between_rows * rows),
    )


def shown_by(image_type: set[str], description: str) -> str:
    """`water`, `fat`, `other` or empty, from `ImageType` or else the last word of the description."""
    last = re.split(r"[^A-Z]+", description.upper())[-1]
    for tokens in (image_type, {last}):
        for shown, names in (("other", OTHER), ("water", WATER), ("fat", FAT)):
            if tokens & names:
                return shown
    return ""


def b_value_of(header: pydicom.Dataset) -> float | None:
    """The b-value in s/mm2, from whichever tag the vendor uses."""
    for tag in VENDOR_B_VALUES:
        value = _first_number(header[tag].value) if tag in header else None
        if value is not None:
            return value % GE_B_VALUE_OFFSET
    named = re.search(r"b(\d+)", _text(header, "SequenceName"))
    return float(named.group(1)) if named else None


def _first_number(value: Any) -> float | None:
    """The first number of a private tag, which may come as text, as a list, or as bytes of unknown type."""
    if isinstance(value, bytes):
        digits = re.match(rb"\s*\d+(\.\d*)?", value)
        if not digits:
            return float(struct.unpack("<f", value)[0]) if len(value) == 4 else None
        value = digits.group().decode()
    items: Any = [value] if isinstance(value, str | int | float) else value
    try:
        return float(next(iter(items)))
    except (TypeError, ValueError, StopIteration):
        return None


def _values(header: pydicom.Dataset, name: str) -> list[Any]:
    value: Any = header.get(name)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | int | float) else list(value)


def _text(header: pydicom.Dataset, name: str) -> str:
    return "\\".join(str(value) for value in _values(header, name))


def _number(header: pydicom.Dataset, name: str) -> int:
    return next((int(value) for value in _values(header, name)), 0)


def _floats(header: pydicom.Dataset, name: str, count: int) -> Vector:
    values = tuple(float(value) for value in _values(header, name))
    return values if len(values) == count else (0.0,) * count
