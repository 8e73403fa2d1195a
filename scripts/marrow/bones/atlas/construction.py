"""The atlas of some annotated scans: a reference, the mean of all scans in its shape, and what their annotations say.

The reference is the most typical scan: of those that show the most bones (a scan cut at the pelvis cannot hold an
atlas), the one whose outline fits all others best (`profile.match`). The others are registered to it and averaged
to the template, which is less of an individual and has less noise and no lesions, and all are registered to that again;
then their annotations vote. Registration is thus done twice for each scan. One scan is its own atlas.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from marrow.bones.atlas.fusion import Vote
from marrow.bones.atlas.labels import reached, warped_labels
from marrow.bones.atlas.profile import match, profile_of
from marrow.bones.atlas.registration import Effort, register
from marrow.bones.atlas.subject import Subject
from marrow.imaging.grid import Grid
from marrow.imaging.volume import voxels, with_voxels

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Atlas:
    """The mean water on its scale, with the label map and the agreement (percent) on a grid of their own."""

    template: sitk.Image
    bones: sitk.Image
    agreement: sitk.Image


def build(
    subjects: Sequence[Subject], annotation: Callable[[int], sitk.Image], bones: int, atlas_mm: float, effort: Effort
) -> Atlas:
    """Build an atlas.

    Args:
        subjects: the annotated scans, at the working resolution.
        annotation: reads the label map of the scan of that number; one is in memory at a time.
        bones: how many bones the table has.
        atlas_mm: voxel edge of the label map.
        effort: of each registration.
    """
    shown = [_labels_in(annotation(number)) for number in range(len(subjects))]
    reference = typical(subjects, [number for number, count in enumerate(shown) if count == max(shown)])
    _log.info("scan %d of %d is the reference of the atlas", reference + 1, len(subjects))
    template = subjects[reference]
    identity: dict[int, sitk.Transform] = {reference: sitk.Transform(3, sitk.sitkIdentity)}
    transforms = _register_all(template, subjects, effort, known=identity)
    if len(subjects) > 1:
        template = average(template, subjects, transforms)
        transforms = _register_all(template, subjects, effort, known={})
    grid = Grid.of(template.body).isotropic(atlas_mm)
    vote = Vote(bones, grid.size[::-1])
    for number, transform in enumerate(transforms):
        labels = annotation(number)
        vote.cast(
            warped_labels(labels, transform, grid, effort.threads), reached(labels, transform, grid, effort.threads)
        )
    fused, agreement = vote.result()
    return Atlas(template.water, grid_image(fused, grid), grid_image(agreement, grid))


def typical(subjects: Sequence[Subject], candidates: Sequence[int]) -> int:
    """Of the candidates, the number of the scan whose outline fits all scans best; the first of equals."""
    profiles = [profile_of(subject.body) for subject in subjects]

    def misfit(candidate: int) -> float:
        # Stretch counts as well: a typical body needs little of it.
        found = [match(profiles[candidate], other) for other in profiles]
        return sum(one.misfit + np.log(one.stretch) ** 2 + np.log(one.girth) ** 2 for one in found)

    return min(candidates, key=misfit) if len(candidates) > 1 else candidates[0]


def average(reference: Subject, subjects: Sequence[Subject], transforms: Sequence[sitk.Transform]) -> Subject:
    """The mean water of all scans that reach a voxel, within the body of at least half of them."""
    total, inside, reach = (np.zeros(voxels(reference.body).shape, np.float64) for _ in range(3))
    grid = Grid.of(reference.body)
    for subject, transform in zip(subjects, transforms, strict=True):
        water = sitk.Resample(subject.water, reference.water, transform, sitk.sitkLinear, 0.0)
        body = sitk.Resample(subject.body, reference.body, transform, sitk.sitkNearestNeighbor, 0)
        seen = reached(subject.body, transform, grid, 1)
        total += np.where(seen, voxels(water), 0)
        inside += np.where(seen, voxels(body), 0)
        reach += seen
    body = (2 * inside >= reach) & (reach > 0)
    mean = np.where(body, total / np.maximum(reach, 1), 0).astype(np.float32)
    return Subject(with_voxels(mean, reference.water), with_voxels(body.astype(np.uint8), reference.body))


def grid_image(array: np.ndarray, grid: Grid) -> sitk.Image:
    """An image of `array` (z, y, x) on a grid."""
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing)
    image.SetDirection(grid.direction)
    return image


def template_subject(template: sitk.Image) -> Subject:
    """The template as a subject; its body is where its water is not zero, holes filled."""
    body = sitk.BinaryFillhole(template > 0)
    return Subject(template, body)


def _labels_in(image: sitk.Image) -> int:
    """How many labels occur; the image is an argument, for it has to outlive the view of its voxels."""
    return len(np.unique(voxels(image)))


def _register_all(
    template: Subject, subjects: Sequence[Subject], effort: Effort, known: dict[int, sitk.Transform]
) -> list[sitk.Transform]:
    """For every scan the map from points of the template to its own."""
    transforms: list[sitk.Transform] = []
    for number, subject in enumerate(subjects):
        if number in known:
            transforms.append(known[number])
            continue
        found = register(template, subject, effort)
        _log.info(
            "scan %d: correlation with the template %s (start, affine, deformed)",
            number + 1,
            ", ".join(f"{value:.3f}" for value in found.correlations),
        )
        transforms.append(found.transform)
    return transforms
