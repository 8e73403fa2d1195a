"""Finds the face in a body mask, so that it can be taken out of images that leave the project.

The head is what lies above the narrowest place of the neck; a scan whose body does not get narrower and wider again
has no head. The face is the front of the head below the brow: eyes, nose, mouth, cheeks and chin. The vault of the
skull with the brain and the cervical spine stay; the bones of the face go with it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.ingest.body import connected_parts
from marrow.imaging.volume import BoolArray, mask_of

NECK_MM = (140.0, 330.0)  # below the top of the head
SHOULDERS_MM = 150.0  # below the neck
HEAD_WIDER = 1.2  # the head, and 1.5 times the shoulders, in area, than the neck
SHOULDERS_WIDER = 1.5
SMALLEST_MM2 = 2000.0  # of a plane of the head
BROW = 0.36  # of the way from the top of the head to the neck
CHIN = 0.97
DEPTH = 0.35  # of the head from front to back


@dataclass(frozen=True)
class Head:
    """The planes of the head, and where it begins and ends from front to back, in voxels."""

    neck: int
    top: int
    front: int
    back: int


def face_of(body: sitk.Image) -> BoolArray:
    """Where the face is, `(z, y, x)`, with the air in front of it; nowhere where the scan shows no head.

    The axes of `body` must be close to left, posterior, superior.
    """
    inside = mask_of(body)
    face = np.zeros(inside.shape, np.bool_)
    head = _head(inside, body.GetSpacing())
    if head is None:
        return face
    height = head.top - head.neck
    low, high = head.top - round(CHIN * height), head.top - round(BROW * height)
    face[low : high + 1, : head.front + round(DEPTH * (head.back - head.front))] = True
    return face


def without_face(image: sitk.Image, body: sitk.Image) -> sitk.Image:
    """An image or a label map with 0 in the face; `body` may be on another grid."""
    face = sitk.GetImageFromArray(face_of(body).astype(np.uint8))
    face.CopyInformation(body)
    on_grid = mask_of(sitk.Resample(face, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0))
    array = sitk.GetArrayFromImage(image)
    array[on_grid] = 0
    faceless = sitk.GetImageFromArray(array)
    faceless.CopyInformation(image)
    return faceless


def _head(inside: BoolArray, spacing: tuple[float, ...]) -> Head | None:
    x_mm, y_mm, z_mm = spacing
    column = _central_column(inside)
    areas = column.sum(axis=(1, 2)) * x_mm * y_mm
    planes = np.flatnonzero(areas > SMALLEST_MM2)
    if not len(planes):
        return None
    top = int(planes[-1])
    nearest, farthest = (max(0, top - round(mm / z_mm)) for mm in NECK_MM)
    if nearest - farthest < 2:
        return None
    neck = farthest + int(np.argmin(areas[farthest : nearest + 1]))
    shoulders = areas[max(0, neck - round(SHOULDERS_MM / z_mm)) : neck + 1].max()
    if areas[neck : top + 1].max() < HEAD_WIDER * areas[neck] or shoulders < SHOULDERS_WIDER * areas[neck]:
        return None
    rows = np.flatnonzero(column[neck : top + 1].any(axis=(0, 2)))
    return Head(neck, top, int(rows[0]), int(rows[-1]))


def _central_column(inside: BoolArray) -> BoolArray:
    """In each plane the part of the body that is nearest to its middle: raised arms beside the head are others."""
    middle = np.average(np.arange(inside.shape[2]), weights=inside.sum(axis=(0, 1)) + 1e-9)
    column = np.zeros_like(inside)
    for number, plane in enumerate(inside):
        labels = connected_parts(plane)
        if labels.any():
            column[number] = labels == _nearest(labels, middle)
    return column


def _nearest(labels: npt.NDArray[np.intp], middle: float) -> int:
    """The label whose part lies nearest to the column `middle`, small parts left out."""
    sizes = np.bincount(labels.ravel())[1:]
    large = [label for label in range(1, len(sizes) + 1) if sizes[label - 1] >= 0.2 * sizes.max()]
    return min(large, key=lambda label: abs(float(np.nonzero(labels == label)[1].mean()) - middle))
