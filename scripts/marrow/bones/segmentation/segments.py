"""Segments: the small cubes of annotated scans that the network is trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.bones.segmentation.geometry import FACTORS, Window, window
from marrow.bones.segmentation.prepare import AIR, Body, Image, Labels

Windows = list[npt.NDArray[np.float32]]
BACKGROUND = 0


@dataclass(frozen=True)
class Case:
    """An annotated scan, with the bone ids `(z, y, x)` on the box of its body.

    Attributes:
        voxels: flat indices of the body's voxels, sorted by class.
        starts: the first position of each class in `voxels`, and the number of voxels at the end: `(classes + 1,)`.
    """

    body: Body
    labels: Labels
    voxels: npt.NDArray[np.int32]
    starts: npt.NDArray[np.intp]

    @classmethod
    def of(cls, body: Body, labels: Labels, classes: int) -> "Case":
        """A case from label map `(z, y, x)` on the box of the body."""
        inside = np.flatnonzero(body.mask).astype(np.int32)
        ids = labels.reshape(-1)[inside]
        order = np.argsort(ids, kind="stable")
        return cls(body, labels, inside[order], np.searchsorted(ids[order], np.arange(classes + 1)))

    def has(self, label: int) -> bool:
        """Whether a class occurs."""
        return bool(self.starts[label] < self.starts[label + 1])


@dataclass(frozen=True)
class Place:
    """The position of a segment: case, first predicted voxel `(z, y, x)`, whether left and right are swapped."""

    case: int
    start: tuple[int, int, int]
    is_mirrored: bool = False


def balanced_places(
    cases: Sequence[Case], count: int, predicted: int, mirror: float, draw: np.random.Generator
) -> list[Place]:
    """Segments whose middle voxels are drawn equally often from each class that the cases have.

    A segment's edge is `predicted` voxels, and `mirror` the probability that its left and right are swapped.
    """
    classes = len(cases[0].starts) - 1
    cases_with = {label: [index for index, case in enumerate(cases) if case.has(label)] for label in range(classes)}
    present = [label for label in range(classes) if cases_with[label]]
    labels = draw.permutation(np.resize(draw.permutation(present), count)).tolist()
    return [_place(cases, cases_with[label], label, predicted, draw.random() < mirror, draw) for label in labels]


def uniform_places(cases: Sequence[Case], count: int, predicted: int, draw: np.random.Generator) -> list[Place]:
    """Segments whose middle voxels are drawn uniformly from the body, from the cases in turn."""
    result: list[Place] = []
    for number in range(count):
        index = number % len(cases)
        result.append(_around(cases[index], index, int(draw.choice(cases[index].voxels)), predicted, is_mirrored=False))
    return result


def read_windows(cases: Sequence[Case], places: Sequence[Place], margin: int, predicted: int) -> Windows:
    """The input windows of segments: one array `(segments, channels, n, n, n)` per factor."""
    samples = [(window(factor, margin, predicted),) * 3 for factor in FACTORS]
    return [np.stack([read_box(_image(cases[p.case], p), p.start, each) for p in places]) for each in samples]


def read_labels(
    cases: Sequence[Case], places: Sequence[Place], predicted: int, mirrored_ids: npt.NDArray[np.uint8]
) -> Labels:
    """The true classes `(segments, predicted, predicted, predicted)` of segments."""
    result = np.empty((len(places), predicted, predicted, predicted), np.uint8)
    window_of_labels = (Window(0, 1, predicted),) * 3
    for number, place in enumerate(places):
        labels = cases[place.case].labels[np.newaxis]
        if place.is_mirrored:
            labels = labels[..., ::-1]
        cube = read_box(labels, place.start, window_of_labels, outside=BACKGROUND)[0].astype(np.uint8)
        result[number] = mirrored_ids[cube] if place.is_mirrored else cube
    return result


def read_box(
    image: npt.NDArray[np.generic], start: Sequence[int], windows: Sequence[Window], outside: float = AIR
) -> npt.NDArray[np.float32]:
    """Samples of an image `(channels, z, y, x)` at the windows of the three axes, counted from `start`.

    Samples outside the image have the value `outside`.
    """
    sampled = np.full((image.shape[0], *(samples.count for samples in windows)), outside, np.float32)
    target: list[slice] = []
    source: list[slice] = []
    for first, samples, length in zip(start, windows, image.shape[1:], strict=True):
        begin = first + samples.start
        low = max(0, -(begin // samples.step))
        high = min(samples.count, (length - 1 - begin) // samples.step + 1)
        if high <= low:
            return sampled
        target.append(slice(low, high))
        source.append(slice(begin + low * samples.step, begin + (high - 1) * samples.step + 1, samples.step))
    sampled[:, target[0], target[1], target[2]] = image[:, source[0], source[1], source[2]]
    return sampled


def _image(case: Case, place: Place) -> Image:
    return case.body.image[..., ::-1] if place.is_mirrored else case.body.image


def _place(
    cases: Sequence[Case],
    among: Sequence[int],
    label: int,
    predicted: int,
    is_mirrored: bool,
    draw: np.random.Generator,
) -> Place:
    index = int(draw.choice(among))
    case = cases[index]
    voxel = int(case.voxels[draw.integers(case.starts[label], case.starts[label + 1])])
    return _around(case, index, voxel, predicted, is_mirrored=is_mirrored)


def _around(case: Case, index: int, voxel: int, predicted: int, *, is_mirrored: bool) -> Place:
    z, y, x = (int(source) for source in np.unravel_index(voxel, case.labels.shape))
    if is_mirrored:
        x = case.labels.shape[2] - 1 - x
    return Place(index, (z - predicted // 2, y - predicted // 2, x - predicted // 2), is_mirrored)
