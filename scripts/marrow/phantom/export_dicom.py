"""Writes stations as DICOM: one series per station, one file per slice, all series of a contrast in one folder.

Tags identify the images: ImageType ends in WATER or FAT for Dixon; diffusion has its b-value in (0018,9087) and in the
sequence name. Names, ids and dates are obviously fictitious. UIDs are derived from the scan's id, so that the same scan
gives the same bytes.

The tags that all slices of a series share are encoded once: pydicom needs more time for the tags than for the voxels.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from marrow.imaging.volume import voxels

# Tags that differ from slice to slice, and the length of the file's meta information.
_GROUP_LENGTH, _HEAD_UID = 0x00020000, 0x00020003
_UID, _NUMBER, _POSITION, _LOCATION, _PIXELS = 0x00080018, 0x00200013, 0x00200032, 0x00201041, 0x7FE00010
_DATE = "20000101"
_CONTRAST_NUMBER = {"fat": 1, "water": 2, "b50": 3, "b900": 4}


@dataclass(frozen=True)
class Study:
    """Fictitious ids of patient and scan, and the site."""

    patient: str
    scan: str
    site: str


def write_dicom(stations: Sequence[sitk.Image], contrast: str, study: Study, folder: Path) -> None:
    """Write the stations of one contrast into `folder`, `station_1_0001.dcm` and on."""
    for number, image in enumerate(stations, start=1):
        _write_series(image, contrast, study, number, folder)


def _write_series(image: sitk.Image, contrast: str, study: Study, station: int, folder: Path) -> None:
    series = _series(image, contrast, study, station)
    head, shared = _encoded(_head()), _encoded(series)
    normal = np.asarray(image.GetDirection()).reshape(3, 3)[:, 2]
    origin, step = np.asarray(image.GetOrigin()), image.GetSpacing()[2]
    first = float(np.dot(origin, normal))
    for index, pixels in enumerate(voxels(image)):
        uid = generate_uid(entropy_srcs=[series.SeriesInstanceUID, str(index)])
        position = (round(float(value), 4) for value in origin + normal * step * index)
        changing = {
            _UID: _text(_UID, b"UI", uid),
            _NUMBER: _text(_NUMBER, b"IS", str(index + 1)),
            _POSITION: _text(_POSITION, b"DS", "\\".join(map(str, position))),
            _LOCATION: _text(_LOCATION, b"DS", str(round(first + step * index, 4))),
            _PIXELS: _pixels(np.ascontiguousarray(pixels, "<i2").tobytes()),
        }
        content = _file(head | {_HEAD_UID: _text(_HEAD_UID, b"UI", uid)}, shared | changing)
        (folder / f"station_{station}_{index + 1:04d}.dcm").write_bytes(content)


def _series(image: sitk.Image, contrast: str, study: Study, station: int) -> Dataset:
    """The tags that all slices of a series share."""
    tags = Dataset()
    tags.SOPClassUID = MRImageStorage
    tags.StudyInstanceUID = generate_uid(entropy_srcs=["study", study.scan])
    tags.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", study.scan])
    tags.SeriesInstanceUID = generate_uid(entropy_srcs=["series", study.scan, contrast, str(station)])
    tags.StudyDate = tags.SeriesDate = tags.AcquisitionDate = tags.ContentDate = _DATE
    tags.StudyTime = tags.SeriesTime = tags.AcquisitionTime = tags.ContentTime = f"12{station:02d}00"
    tags.AccessionNumber = ""
    tags.StudyID = "1"
    tags.Modality = "MR"
    tags.Manufacturer = "Marrow phantom"
    tags.InstitutionName = f"Simulated site {study.site}"
    tags.PatientName = f"Phantom^{study.patient}"
    tags.PatientID = f"SIM-{study.patient}"
    tags.PatientBirthDate = "19000101"
    tags.PatientSex = "O"
    tags.PatientPosition = "HFS"
    tags.BodyPartExamined = "WHOLEBODY"
    tags.SeriesNumber = 10 * station + _CONTRAST_NUMBER.get(contrast, 9)
    tags.update(_contrast_tags(contrast))
    tags.ImageOrientationPatient = [float(v) for v in np.asarray(image.GetDirection()).reshape(3, 3).T[:2].ravel()]
    tags.PixelSpacing = [image.GetSpacing()[1], image.GetSpacing()[0]]
    tags.SliceThickness = tags.SpacingBetweenSlices = image.GetSpacing()[2]
    tags.Columns, tags.Rows = image.GetSize()[:2]
    tags.SamplesPerPixel, tags.PhotometricInterpretation = 1, "MONOCHROME2"
    tags.BitsAllocated, tags.BitsStored, tags.HighBit, tags.PixelRepresentation = 16, 16, 15, 1
    return tags


def _contrast_tags(contrast: str) -> Dataset:
    """The tags that identify water, fat and b-values."""
    tags = Dataset()
    if contrast.startswith("b"):
        b_value = int(contrast[1:])
        tags.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "TRACEW"]
        tags.SequenceName = f"*ep_b{b_value}t"
        tags.ScanningSequence, tags.SequenceVariant, tags.ScanOptions = "EP", "SK", "FS"
        tags.SeriesDescription = tags.ProtocolName = "wholebody_diffusion"
        tags.EchoTime, tags.RepetitionTime = 66.0, 6500.0
        tags.DiffusionBValue = float(b_value)
        tags.DiffusionDirectionality = "ISOTROPIC"
        return tags
    tags.ImageType = ["DERIVED", "PRIMARY", "DIXON", contrast.upper()]
    tags.SequenceName = "*fl3d2"
    tags.ScanningSequence, tags.SequenceVariant, tags.ScanOptions = "GR", "SP", ""
    tags.SeriesDescription = f"wholebody_dixon_{contrast[0].upper()}"
    tags.ProtocolName = "wholebody_dixon"
    tags.EchoTime, tags.RepetitionTime = 2.4, 7.0
    return tags


def _head() -> FileMetaDataset:
    """The meta information of every file: its encoding, and the writer."""
    tags = FileMetaDataset()
    tags.FileMetaInformationVersion = b"\x00\x01"
    tags.MediaStorageSOPClassUID = MRImageStorage
    tags.TransferSyntaxUID = ExplicitVRLittleEndian
    tags.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    tags.ImplementationVersionName = "MARROW"
    return tags


def _encoded(tags: Dataset) -> dict[int, bytes]:
    """The encoded elements, by tag."""
    elements: dict[int, bytes] = {}
    for element in tags:
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        write_data_element(buffer, element)
        elements[int(element.tag)] = buffer.getvalue()
    return elements


def _text(tag: int, kind: bytes, value: str) -> bytes:
    """An encoded text element, padded to an even length."""
    content = value.encode("ascii")
    content += (b"\0" if kind == b"UI" else b" ") * (len(content) % 2)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, kind, len(content)) + content


def _pixels(content: bytes) -> bytes:
    """The encoded element of the voxels."""
    return struct.pack("<HH2sxxI", _PIXELS >> 16, _PIXELS & 0xFFFF, b"OW", len(content)) + content


def _file(head: dict[int, bytes], tags: dict[int, bytes]) -> bytes:
    """The bytes of a file with meta information and data set, each sorted by tag."""
    group, data = (b"".join(element for _, element in sorted(some.items())) for some in (head, tags))
    length = struct.pack("<HH2sHI", _GROUP_LENGTH >> 16, _GROUP_LENGTH & 0xFFFF, b"UL", 4, len(group))
    return bytes(128) + b"DICM" + length + group + data
