"""Writes frames of enhanced DICOM as classic files of one slice each, which are selected and converted like any other.

A frame keeps its encoded voxels, its geometry and the scale of its values; nothing else is copied.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import MRImageStorage, generate_uid

from marrow.imaging.ingest.dicom_tags import FRAMES, SHARED, Slice, groups_of

PIXELS = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
    *("PhotometricInterpretation", "Modality", "Manufacturer"),  # Philips scales by a tag of its own
)
PHILIPS_SLOPE = (0x2005, 0x100E)
OF_A_FRAME = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("RescaleSlope", "RescaleIntercept"),
)
STUDY, SERIES = generate_uid(entropy_srcs=["study"]), generate_uid(entropy_srcs=["series"])


def write_frames(frames: Iterable[Slice], folder: Path) -> None:
    """Write frames into a folder, a file each."""
    for path, of_file in groupby(frames, key=lambda frame: frame.path):
        enhanced = pydicom.dcmread(path)
        for frame in of_file:
            number = sum(1 for _ in folder.iterdir())
            _classic(enhanced, frame.frame or 0, number).save_as(folder / f"{number:06d}.dcm", enforce_file_format=True)


def _classic(enhanced: pydicom.FileDataset, frame: int, number: int) -> pydicom.Dataset:
    """A data set with one frame of an enhanced one."""
    classic = pydicom.Dataset()
    classic.file_meta = FileMetaDataset()
    classic.file_meta.TransferSyntaxUID = enhanced.file_meta.TransferSyntaxUID
    classic.SOPClassUID = classic.file_meta.MediaStorageSOPClassUID = MRImageStorage
    classic.SOPInstanceUID = generate_uid(entropy_srcs=["frame", str(number)])
    classic.file_meta.MediaStorageSOPInstanceUID = classic.SOPInstanceUID
    classic.StudyInstanceUID, classic.SeriesInstanceUID = STUDY, SERIES
    classic.SeriesNumber, classic.InstanceNumber = 1, number + 1
    groups = [*groups_of([enhanced[FRAMES].value[frame]]), *groups_of(enhanced.get(SHARED) or []), enhanced]
    for name in (*PIXELS, *OF_A_FRAME, PHILIPS_SLOPE):
        source = next((group for group in groups if name in group), None)
        if source is not None:
            classic.add(source[name])
    classic.PixelData = _pixels(enhanced, frame)
    classic["PixelData"].VR = "OW"
    return classic


def _pixels(enhanced: pydicom.FileDataset, frame: int) -> bytes:
    count = int(enhanced.NumberOfFrames)
    if enhanced.file_meta.TransferSyntaxUID.is_compressed:
        return encapsulate([get_frame(enhanced.PixelData, frame, number_of_frames=count)])
    size = enhanced.Rows * enhanced.Columns * enhanced.SamplesPerPixel * enhanced.BitsAllocated // 8
    return enhanced.PixelData[frame * size : (frame + 1) * size]
