"""Reads from DICOM tags what each image of a folder shows; pixels and tags about the person are not read.

- Dixon water and fat: `ImageType` (0008,0008), where Siemens and GE write WATER and FAT, Philips W and F; series that
  say nothing there often end their description in `_W` or `_F`.
- b-value: (0018,9087), else the vendor's own: Siemens (0019,100C), GE (0043,1039), Philips (2001,1003), United Imaging
  (0065,1009), else the sequence name (`*ep_b900t`).

Classic files have one slice each. Enhanced files hold many, with these tags in a functional group for each. In mosaics
(Siemens) and grids (United Imaging) the slices of a volume are tiles of one picture.

Only the tags listed here and those groups are ever parsed. pydicom quotes bad values in its warnings, and a bad value
may be a name, so its warnings and its log are silent while it reads.
"""

import logging
import math
import re
import struct
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import PersonName

from marrow.errors import ScanStopped

WATER = frozenset({"W", "WATER"})
FAT = frozenset({"F", "FAT"})
# Opposed and in phase, fat fraction, ADC, projections, localisers: images of a study that no contrast is made of.
# Phase and complex parts, parameter maps of diffusion, screen saves.
OTHER = frozenset(
    {"IP", "IN", "INPHASE", "IN_PHASE", "OP", "OPP", "OUTPHASE", "OPP_PHASE", "OUT_PHASE", "OPPOSED_PHASE"}
    | {"FF", "FAT_FRACTION", "WATER_FRACTION", "ADC", "EADC", "LOCALIZER", "PROJECTION IMAGE", "MIP", "PHASE MAP"}
    | {"P", "PHASE", "REAL", "IMAGINARY", "FA", "EXP", "TENSOR", "FRACTIONAL ANISOTROPY"}
)
TRACE = frozenset({"TRACE", "TRACEW"})
VOLUME_IN_A_PICTURE = frozenset({"MOSAIC", "VFRAME"})
VENDOR_B_VALUES = tuple(map(Tag, (0x00189087, 0x0019100C, 0x00431039, 0x20011003, 0x00651009)))
TAG_BYTES = 8  # at the least
UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
GE_B_VALUE_OFFSET = 1_000_000_000  # GE adds it to the first of four numbers
PLAIN_TEXT = frozenset({"CS", "DA", "DS", "DT", "IS", "LO", "SH", "TM", "UI"})
DATES = ("AcquisitionDate", "SeriesDate", "ContentDate", "StudyDate")
FRAMES, SHARED = "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"
NAMES = (
    *("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "ImageType"),
    *("SeriesDescription", "SequenceName", "DiffusionDirectionality", "NumberOfFrames", "Rows", "Columns"),
    *("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "BitsAllocated", "SamplesPerPixel"),
    *("AcquisitionTime", "ScanningSequence", "EchoPlanarPulseSequence", *DATES, FRAMES, SHARED),
)
TAGS: list[Any] = [*map(Tag, NAMES), *VENDOR_B_VALUES]  # as numbers: pydicom would look up the names for every file

# Of whom an examination is, for the key file of `make sheet` alone.
PERSON = ("PatientID", "PatientName", "StudyDate", "StudyTime", "SeriesDescription")

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Slice:
    """A slice of a classic file, a frame of an enhanced one, or a whole volume that is tiled in one picture.

    Attributes:
        frame: its number in an enhanced file, from 0; None for a classic file.
        is_volume: whether the picture holds the slices of a volume as tiles; its position is then not that of a slice.
        shows: `water`, `fat`, `other` (an image that is no contrast of a scan), or empty if the tags do not say.
        b_value: in s/mm2; None if the tags do not say.
        is_filler: whether the b-value is a 0 in an image that nothing else marks as diffusion.
        is_trace: whether it averages the diffusion directions.
        position, orientation: of the first voxel and of the two image axes, mm in the patient (LPS).
        extent: length of the rows and of the columns, mm.
        instance_id: the SOP instance UID, the same for all copies of a file.
        instance: its number in the series.
        acquired: day and time of acquisition, `YYYYMMDDhhmmss`, as far as the tags say.
    """

    path: Path
    frame: int | None
    is_volume: bool
    instance_id: str
    study: str
    series_id: str
    series: int
    instance: int
    shows: str
    b_value: float | None
    is_filler: bool
    is_trace: bool
    position: Vector
    orientation: Vector
    extent: Vector
    acquired: str

    @property
    def day(self) -> date | None:
        """The day of acquisition."""
        try:
            return datetime.strptime(self.acquired[:8], "%Y%m%d").date()
        except ValueError:
            return None


def read_slices(files: Iterable[Path], where: str) -> list[Slice]:
    """The slices in the files of a folder; files that are no DICOM images are skipped, copies count once.

    Raises:
        ScanStopped: there is none, or one is damaged.
    """
    slices: dict[str, list[Slice]] = {}
    with silent_pydicom():
        for number, path in enumerate(files, start=1):
            pieces = read_file(path, f"{where}, file {number} in order of names")
            if pieces:
                slices.setdefault(pieces[0].instance_id, pieces)
    if not slices:
        raise ScanStopped(
            "dicom_empty", f"{where}: the folder holds no DICOM image slices; check that the path names the series."
        )
    return without_false_zeros([piece for pieces in slices.values() for piece in pieces])


@contextmanager
def silent_pydicom() -> Generator[None]:
    """Keep pydicom from quoting what it reads."""
    logger = logging.getLogger("pydicom")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def read_file(path: Path, where: str) -> list[Slice]:
    """The slices in a file; none for a file that is no DICOM image of a place in the patient.

    Raises:
        ScanStopped: the file is damaged.
    """
    return read_file_and_texts(path, where, ())[0]


def read_file_and_texts(path: Path, where: str, names: Sequence[str]) -> tuple[list[Slice], dict[str, str]]:
    """The slices in a file, as `read_file`, and the texts of further tags, which ingest never asks for."""
    try:
        with path.open("rb") as file:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[*TAGS, *names])
            remaining = path.stat().st_size - file.tell()  # reading stopped at the tag of the pixels
        if FRAMES in header:
            pieces = _frames(path, header)
        else:
            pieces = [_slice(path, None, header, [header])] if "ImagePositionPatient" in header else []
        needed = TAG_BYTES + _pixel_bytes(header) if pieces else 0
        texts = {name: _text(header, name) for name in names}
    except InvalidDicomError:
        return [], {}
    except Exception as error:  # damaged in any way; the error's own text may hold a name or a path
        message = f"{where}: damaged DICOM ({type(error).__name__}); export the series again."
        raise ScanStopped("file_damaged", message) from None
    if remaining < needed:
        message = f"{where}: cut off, {needed - remaining} bytes are missing; copy or export it again."
        raise ScanStopped("file_damaged", message)
    return pieces, texts


def _pixel_bytes(header: pydicom.FileDataset) -> int:
    """The size of the pixel data if it is not compressed, otherwise 0."""
    if header.file_meta.get("TransferSyntaxUID", "") not in UNCOMPRESSED:
        return 0
    sizes = (_number(header, name) for name in ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel"))
    return max(1, _number(header, "NumberOfFrames")) * math.prod(sizes) // 8


def _frames(path: Path, header: pydicom.Dataset) -> list[Slice]:
    """The frames of an enhanced file that have a place in the patient."""
    shared = groups_of(header.get(SHARED) or [])
    of_frames = [[*groups_of([frame]), *shared, header] for frame in header[FRAMES].value]
    return [
        _slice(path, number, header, groups)
        for number, groups in enumerate(of_frames)
        if any("ImagePositionPatient" in group for group in groups)
    ]


def groups_of(functional_groups: Iterable[pydicom.Dataset]) -> list[pydicom.Dataset]:
    """The data sets in functional groups, those nested in them behind; tags beside the sequences come first."""
    groups: list[pydicom.Dataset] = []
    for items in functional_groups:
        groups.append(items)
        for element in items:
            if element.VR == "SQ":
                groups += groups_of(element.value)
    return groups


def _slice(path: Path, frame: int | None, header: pydicom.Dataset, groups: Sequence[pydicom.Dataset]) -> Slice:
    """A slice; its tags are in the first of `groups` that has them."""

    def of(name: str) -> pydicom.Dataset:
        tag = _tag(name)
        return next((group for group in groups if tag in group), header)

    kind = "ImageType" if frame is None else "FrameType"
    tokens = {str(token).upper() for name in (kind, "ComplexImageComponent") for token in _values(of(name), name)}
    description = _text(header, "SeriesDescription")
    rows, columns = _number(header, "Rows"), _number(header, "Columns")
    between_rows, between_columns = _floats(of("PixelSpacing"), "PixelSpacing", 2)
    directions = _text(of("DiffusionDirectionality"), "DiffusionDirectionality").upper()
    is_grey = _number(header, "SamplesPerPixel") <= 1
    b_value = b_value_of(groups)
    acquired = _text(of("FrameAcquisitionDateTime"), "FrameAcquisitionDateTime")
    return Slice(
        path=path,
        frame=frame,
        is_volume=bool(tokens & VOLUME_IN_A_PICTURE),
        instance_id=_text(header, "SOPInstanceUID"),
        study=_text(header, "StudyInstanceUID"),
        series_id=_text(header, "SeriesInstanceUID"),
        series=_number(header, "SeriesNumber"),
        instance=_number(header, "InstanceNumber") if frame is None else frame,
        shows=shown_by(tokens, description) if is_grey else "other",
        b_value=b_value,
        is_filler=b_value == 0 and "DIFFUSION" not in tokens and not _is_echo_planar(header),
        is_trace=bool(tokens & TRACE) or directions == "ISOTROPIC",
        position=_floats(of("ImagePositionPatient"), "ImagePositionPatient", 3),
        orientation=tuple(
            round(cosine, 4) for cosine in _floats(of("ImageOrientationPatient"), "ImageOrientationPatient", 6)
        ),
        extent=(between_columns * columns, between_rows * rows),
        acquired=acquired or _acquired(header),
    )


def _is_echo_planar(header: pydicom.Dataset) -> bool:
    return "EP" in _values(header, "ScanningSequence") or _text(header, "EchoPlanarPulseSequence") == "YES"


def _acquired(header: pydicom.Dataset) -> str:
    days = (_text(header, name) for name in DATES)
    return next(filter(None, days), "") + _text(header, "AcquisitionTime")


def shown_by(image_type: set[str], description: str) -> str:
    """`water`, `fat`, `other` or empty, from `ImageType` or else the end of the description.

    A letter alone tells only behind an underscore: `dixon_W`, but not `T1W` or `HEAD F`.
    """
    last = re.search(r"(?:^|[^A-Z0-9])([A-Z]{2,})$|_([A-Z])$", description.upper().strip())
    for tokens in (image_type, set(filter(None, last.groups())) if last else set[str]()):
        for shown, names in (("other", OTHER), ("water", WATER), ("fat", FAT)):
            if tokens & names:
                return shown
    return ""


def b_value_of(datasets: Iterable[pydicom.Dataset]) -> float | None:
    """The b-value in s/mm2, from whichever tag the vendor uses, in the first data set that has one."""
    for dataset in datasets:
        for tag in VENDOR_B_VALUES:
            value = _first_number(dataset.get(tag))
            if value is not None:
                return value % GE_B_VALUE_OFFSET
        named = re.search(r"_b(\d+)", _text(dataset, "SequenceName"))
        if named:
            return float(named.group(1))
    return None


def without_false_zeros(slices: list[Slice]) -> list[Slice]:
    """GE and Philips write 0 into images without diffusion, too: there, a 0 counts beside other b-values alone."""
    measured = {piece.series_id for piece in slices if piece.b_value}
    return [
        replace(piece, b_value=None) if piece.is_filler and piece.series_id not in measured else piece
        for piece in slices
    ]


def _first_number(element: pydicom.DataElement | None) -> float | None:
    """The first number of a private tag, which may come as text, as a list, or as bytes of unknown type."""
    value: Any = element.value if element else None
    if isinstance(value, bytes):
        digits = re.match(rb"\s*\d+(\.\d*)?", value)
        if not digits:
            return float(struct.unpack({4: "<f", 8: "<d"}[len(value)], value)[0]) if len(value) in {4, 8} else None
        value = digits.group().decode()
    items: Any = [value] if isinstance(value, str | int | float) else value
    try:
        return float(next(iter(items)))
    except (TypeError, ValueError, StopIteration):
        return None


def _values(header: pydicom.Dataset, name: str) -> list[Any]:
    tag = _tag(name)
    if tag not in header:
        return []
    raw = header.get_item(tag)
    # Most of the time goes into pydicom's conversion of values, which plain text does not need.
    if isinstance(raw, RawDataElement) and raw.VR in PLAIN_TEXT and isinstance(raw.value, bytes):
        text = raw.value.decode("ascii", "replace").rstrip(" \0")
        return [word.strip() for word in text.split("\\")] if text else []
    value: Any = header[tag].value
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | int | float | PersonName) else list(value)


@cache
def _tag(name: str) -> BaseTag:
    return Tag(name)


def _text(header: pydicom.Dataset, name: str) -> str:
    return "\\".join(str(value) for value in _values(header, name))


def _number(header: pydicom.Dataset, name: str) -> int:
    return next((int(value) for value in _values(header, name)), 0)


def _floats(header: pydicom.Dataset, name: str, count: int) -> Vector:
    values = tuple(float(value) for value in _values(header, name))
    return values if len(values) == count else (0.0,) * count
