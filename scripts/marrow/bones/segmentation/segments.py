"""Segments: small cubes of a scan that the network is trained on, read where they are needed."""

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
    """An annotated scan.

    Attributes:
        body: what the network sees.
        labels: bone ids on the same box, `(z, y, x)`.
        voxels: flat indices of the body's voxels, class after class.
        starts: where each class begins in `voxels`, and where the last ends: `(classes + 1,)`.
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
    """A segment to read: which case, its first predicted voxel `(z, y, x)`, and whether left and right are swapped."""

    case: int
    start: tuple[int, int, int]
    is_mirrored: bool = False


def balanced_places(
    cases: Sequence[Case], count: int, predicted: int, mirror: float, draw: np.random.Generator
) -> list[Place]:
    """Segments whose middle voxel is of each class equally often, as far as the cases have them.

    Args:
        cases: annotated scans.
        count: segments to draw.
        predicted: voxels of a segment's edge.
        mirror: the probability of a left-right flip.
        draw: the source of chance.
    """
    classes = len(cases[0].starts) - 1
    holders = {label: [index for index, case in enumerate(cases) if case.has(label)] for label in range(classes)}
    wanted = [label for label in range(classes) if holders[label]]
    labels = draw.permutation(np.resize(draw.permutation(wanted), count))
    return [_place(cases, holders[int(label)], int(label), predicted, draw.random() < mirror, draw) for label in labels]


def uniform_places(cases: Sequence[Case], count: int, predicted: int, draw: np.random.Generator) -> list[Place]:
    """Segments whose middle voxel is any of the body's, the cases in turns."""
    found: list[Place] = []
    for number in range(count):
        index = number % len(cases)
        found.append(_around(cases[index], index, int(draw.choice(cases[index].voxels)), predicted, is_mirrored=False))
    return found


def read_windows(cases: Sequence[Case], places: Sequence[Place], margin: int, predicted: int) -> Windows:
    """What each pathway reads of some segments: one array `(segments, channels, n, n, n)` per factor."""
    seen = [(window(factor, margin, predicted),) * 3 for factor in FACTORS]
    return [np.stack([read_box(_image(cases[p.case], p), p.start, each) for p in places]) for each in seen]


def read_labels(
    cases: Sequence[Case], places: Sequence[Place], predicted: int, mirrored_ids: npt.NDArray[np.uint8]
) -> Labels:
    """The classes `(segments, predicted, predicted, predicted)` that segments should get."""
    found = np.empty((len(places), predicted, predicted, predicted), np.uint8)
    whole = (Window(0, 1, predicted),) * 3
    for number, place in enumerate(places):
        labels = cases[place.case].labels[np.newaxis]
        if place.is_mirrored:
            labels = labels[..., ::-1]
        cube = read_box(labels, place.start, whole, outside=BACKGROUND)[0].astype(np.uint8)
        found[number] = mirrored_ids[cube] if place.is_mirrored else cube
    return found


def read_box(
    image: npt.NDArray[np.generic], start: Sequence[int], windows: Sequence[Window], outside: float = AIR
) -> npt.NDArray[np.float32]:
    """Samples of an image `(channels, z, y, x)`, along each axis those of a window counted from `start`.

    Samples that lie beyond the image are `outside`.
    """
    sampled = np.full((image.shape[0], *(seen.count for seen in windows)), outside, np.float32)
    to: list[slice] = []
    at: list[slice] = []
    for first, seen, length in zip(start, windows, image.shape[1:], strict=True):
        begin = first + seen.start
        low = max(0, -(begin // seen.step))
        high = min(seen.count, (length - 1 - begin) // seen.step + 1)
        if high <= low:
            return sampled
        to.append(slice(low, high))
        at.append(slice(begin + low * seen.step, begin + (high - 1) * seen.step + 1, seen.step))
    sampled[:, to[0], to[1], to[2]] = image[:, at[0], at[1], at[2]]
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
    z, y, x = (int(at) for at in np.unravel_index(voxel, case.labels.shape))
    if is_mirrored:
        x = case.labels.shape[2] - 1 - x
    return Place(index, (z - predicted // 2, y - predicted // 2, x - predicted // 2), is_mirrored)
