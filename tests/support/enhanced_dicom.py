"""Writes enhanced DICOM: one file with many frames, each with its place and kind in functional groups of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

from marrow.imaging.volume import voxels


@dataclass(frozen=True)
class Part:
    """A volume in an enhanced file: what its frames are, their b-value, and whether they average directions."""

    image: sitk.Image
    frame_type: tuple[str, ...]
    b_value: float | None = None
    directionality: str = "DIRECTIONAL"
    slope: float = 1.0


def item(**tags: object) -> Dataset:
    dataset = Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def write_enhanced(
    parts: Sequence[Part],
    path: Path,
    syntax: str = ExplicitVRLittleEndian,
    frames: Sequence[bytes] = (),
    **tags: object,
) -> Path:
    """Write volumes into one file; `frames` are encoded already where the syntax is a compressed one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first = parts[0].image
    file = item(
        SOPClassUID=EnhancedMRImageStorage, SOPInstanceUID=generate_uid(entropy_srcs=[path.name]),
        StudyInstanceUID="1.2.3", SeriesInstanceUID=f"1.2.3.{path.stem.encode().hex(':').count(':')}", SeriesNumber=1,
        InstanceNumber=1, Modality="MR", Manufacturer="Philips", ImageType=["ORIGINAL", "PRIMARY", "M", "MIXED"],
        PatientName="Doe^Jane", PatientID="PAT-4711", StudyDate="20200101", AcquisitionDateTime="20200102120000",
        Columns=first.GetSize()[0], Rows=first.GetSize()[1], SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=1,
        NumberOfFrames=sum(part.image.GetSize()[2] for part in parts),
    )  # fmt: skip
    x, y, z = first.GetSpacing()
    measures = item(PixelSpacing=[y, x], SliceThickness=z, SpacingBetweenSlices=z)
    direction = np.asarray(first.GetDirection()).reshape(3, 3).T[:2].ravel()
    orientation = item(ImageOrientationPatient=[float(cosine) for cosine in direction])
    shared = item(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[orientation])
    file.SharedFunctionalGroupsSequence = [shared]
    file.PerFrameFunctionalGroupsSequence = [
        _frame(part, row) for part in parts for row in range(part.image.GetSize()[2])
    ]
    pixels = [np.rint(voxels(part.image) / part.slope).astype("<i2").tobytes() for part in parts]
    file.PixelData = encapsulate(list(frames)) if frames else b"".join(pixels)
    file["PixelData"].VR = "OW"
    for name, value in tags.items():
        setattr(file, name, value)
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID, file.file_meta.MediaStorageSOPInstanceUID = (
        file.SOPClassUID,
        file.SOPInstanceUID,
    )
    file.save_as(path, enforce_file_format=True)
    return path


def _frame(part: Part, row: int) -> Dataset:
    position = part.image.TransformIndexToPhysicalPoint((0, 0, row))
    frame = item(
        PlanePositionSequence=[item(ImagePositionPatient=[round(mm, 4) for mm in position])],
        MRImageFrameTypeSequence=[item(FrameType=list(part.frame_type))],
        PixelValueTransformationSequence=[item(RescaleSlope=part.slope, RescaleIntercept=0.0)],
    )
    if part.b_value is not None:
        diffusion = item(DiffusionBValue=part.b_value, DiffusionDirectionality=part.directionality)
        frame.MRDiffusionSequence = [diffusion]
    return frame
