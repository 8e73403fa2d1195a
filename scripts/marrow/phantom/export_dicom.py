"""Writes stations as a scanner would: one series a station, one file a slice, all series of a contrast in one folder.

Tags tell what the images are: ImageType ends in WATER or FAT for Dixon; diffusion has its b-value in (0018,9087) and in
the sequence name. Names, ids and dates are made up, and plainly so; identifiers follow from the scan, so the same scan
gives the same bytes.

What the slices of a series share is encoded once: pydicom takes longer for the tags of one slice than for its voxels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from marrow.volume import voxels

_DATE = "20000101"
_CONTRAST_NUMBER = {"fat": 1, "water": 2, "b50": 3, "b900": 4}


@dataclass(frozen=True)
class Study:
    """Whose images these are: made-up ids of patient and scan, and the site."""

    patient: str
    scan: str
    site: str


def write_dicom(stations: Sequence[sitk.Image], contrast: str, study: Study, folder: Path) -> None:
    """Write the stations of one contrast into `folder`, `station_1_0001.dcm` and on."""
    for number, image in enumerate(stations, start=1):
        _write_series(image, contrast, study, number, folder)


def _write_series(image: sitk.Image, contrast: str, study: Study, station: int, folder: Path) -> None:
    values = voxels(image)
    series = _series(image, contrast, study, station)
    shared = _encoded(series)
    normal = np.asarray(image.GetDirection()).reshape(3, 3)[:, 2]
    origin, step = np.asarray(image.GetOrigin()), image.GetSpacing()[2]
    for index, pixels in enumerate(values):
        place = float(np.dot(origin, normal)) + step * index
        slice_ = _slice(series.SeriesInstanceUID, origin + normal * step * index, index, place)
        slice_.add_new("PixelData", "OW", np.ascontiguousarray(pixels, "<i2").tobytes())
        elements = sorted((shared | _encoded(slice_)).items())
        content = b"".join([_file_head(slice_.SOPInstanceUID), *(element for _, element in elements)])
        (folder / f"station_{station}_{index + 1:04d}.dcm").write_bytes(content)


def _series(image: sitk.Image, contrast: str, study: Study, station: int) -> Dataset:
    """What all slices of a series share."""
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
    """What tells water from fat and one b-value from another."""
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


def _slice(series_uid: str, position: np.ndarray, index: int, location: float) -> Dataset:
    """What a slice has of its own, but for its voxels."""
    tags = Dataset()
    tags.InstanceNumber = index + 1
    tags.ImagePositionPatient = [round(float(value), 4) for value in position]
    tags.SliceLocation = round(location, 4)
    tags.SOPInstanceUID = generate_uid(entropy_srcs=[series_uid, str(index)])
    return tags


def _file_head(instance_uid: UID) -> bytes:
    """What comes before the data set: preamble, prefix, and how the data set is encoded."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    head = _buffer()
    head.write(bytes(128) + b"DICM")
    write_file_meta_info(head, meta)
    return head.getvalue()


def _encoded(tags: Dataset) -> dict[int, bytes]:
    """Every element as it stands in a file, by its tag."""
    elements: dict[int, bytes] = {}
    for element in tags:
        buffer = _buffer()
        write_data_element(buffer, element)
        elements[int(element.tag)] = buffer.getvalue()
    return elements


def _buffer() -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    return buffer
