"""Builds an atlas from annotated scans: a template image, a label map, and the agreement of the annotations.

The reference is the most typical scan: of those with the most bones (a scan that ends at the pelvis cannot be the
reference), the one whose outline fits all others best (`profile.match`). All scans are registered to it and averaged to
the template, which has fewer individual features, less noise and no lesions. Then all scans are registered to the
template, and their annotations are fused by a vote. A single scan is its own atlas.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from marrow.bones.atlas.fusion import Vote
from marrow.bones.atlas.labels import in_field_of_view, warped_labels
from marrow.bones.atlas.profile import match, profile_of
from marrow.bones.atlas.registration import RegistrationSettings, register
from marrow.bones.atlas.subject import Subject
from marrow.imaging.grid import Grid
from marrow.imaging.volume import voxels, with_voxels

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Atlas:
    """The template (mean water), and on another grid the label map and the agreement in percent."""

    template: sitk.Image
    bones: sitk.Image
    agreement: sitk.Image


def build(
    subjects: Sequence[Subject],
    annotation: Callable[[int], sitk.Image],
    bones: int,
    atlas_mm: float,
    settings: RegistrationSettings,
) -> Atlas:
    """Build an atlas from annotated scans at the working resolution.

    `annotation` reads the label map of the scan with a number, so that one is in memory at a time; `bones` is the
    number of bones in the table, and `atlas_mm` the voxel edge of the atlas's label map.
    """
    counts = [_labels_in(annotation(number)) for number in range(len(subjects))]
    reference = most_typical(subjects, [number for number, count in enumerate(counts) if count == max(counts)])
    _log.info("scan %d of %d is the reference of the atlas", reference + 1, len(subjects))
    template = subjects[reference]
    identity: dict[int, sitk.Transform] = {reference: sitk.Transform(3, sitk.sitkIdentity)}
    transforms = _register_all(template, subjects, settings, known=identity)
    if len(subjects) > 1:
        template = average(template, subjects, transforms)
        transforms = _register_all(template, subjects, settings, known={})
    grid = Grid.of(template.body).isotropic(atlas_mm)
    vote = Vote(bones, grid.size[::-1])
    for number, transform in enumerate(transforms):
        labels = annotation(number)
        reached = in_field_of_view(labels, transform, grid, settings.threads)
        vote.cast(warped_labels(labels, transform, grid, settings.threads), reached)
    fused, agreement = vote.result()
    return Atlas(template.water, grid.image(fused), grid.image(agreement))


def most_typical(subjects: Sequence[Subject], candidates: Sequence[int]) -> int:
    """The number of the candidate whose outline fits all scans best; the first of equally good ones."""
    profiles = [profile_of(subject.body) for subject in subjects]

    def misfit(candidate: int) -> float:
        # A typical body also needs little stretch.
        result = [match(profiles[candidate], other) for other in profiles]
        return sum(one.misfit + np.log(one.stretch) ** 2 + np.log(one.girth) ** 2 for one in result)

    return min(candidates, key=misfit) if len(candidates) > 1 else candidates[0]


def average(reference: Subject, subjects: Sequence[Subject], transforms: Sequence[sitk.Transform]) -> Subject:
    """The mean water of all scans with a voxel in their field of view, within the body of at least half of them."""
    total, in_body_count, in_view_count = (np.zeros(voxels(reference.body).shape, np.float64) for _ in range(3))
    grid = Grid.of(reference.body)
    for subject, transform in zip(subjects, transforms, strict=True):
        water = sitk.Resample(subject.water, reference.water, transform, sitk.sitkLinear, 0.0)
        body = sitk.Resample(subject.body, reference.body, transform, sitk.sitkNearestNeighbor, 0)
        in_view = in_field_of_view(subject.body, transform, grid, 1)
        total += np.where(in_view, voxels(water), 0)
        in_body_count += np.where(in_view, voxels(body), 0)
        in_view_count += in_view
    body = (2 * in_body_count >= in_view_count) & (in_view_count > 0)
    mean = np.where(body, total / np.maximum(in_view_count, 1), 0).astype(np.float32)
    return Subject(with_voxels(mean, reference.water), with_voxels(body.astype(np.uint8), reference.body))


def template_subject(template: sitk.Image) -> Subject:
    """The template as a subject; its body mask is where water is above 0, with holes filled."""
    body = sitk.BinaryFillhole(template > 0)
    return Subject(template, body)


def _labels_in(image: sitk.Image) -> int:
    """How many labels an image has (an argument, because the image has to outlive the view of its voxels)."""
    return len(np.unique(voxels(image)))


def _register_all(
    template: Subject, subjects: Sequence[Subject], settings: RegistrationSettings, known: dict[int, sitk.Transform]
) -> list[sitk.Transform]:
    """For every scan, the transform from points of the template to points of the scan."""
    transforms: list[sitk.Transform] = []
    for number, subject in enumerate(subjects):
        if number in known:
            transforms.append(known[number])
            continue
        result = register(template, subject, settings)
        _log.info(
            "scan %d: correlation with the template %s (start, affine, deformed)",
            number + 1,
            ", ".join(f"{value:.3f}" for value in result.correlations),
        )
        transforms.append(result.transform)
    return transforms
